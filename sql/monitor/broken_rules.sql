-- The rules of emit_event() that an event breaks; none when emit_event() wrote it.
create or replace function ledger.broken_rules(event ledger.agent_events)
returns table (rule text, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select r.rule, r.detail
  from (select (broken_rules.event).*) as e
  cross join lateral (values
    (
      'actor_type',
      e.actor_type not in ('user', 'agent', 'system', 'webhook'),
      'actor_type is none of user, agent, system, webhook.'
    ),
    (
      'outcome',
      e.outcome not in ('success', 'failure', 'partial', 'pending'),
      'outcome is none of success, failure, partial, pending.'
    ),
    (
      'proof',
      e.proof is not null and not ledger.is_proof(e.proof),
      'proof does not have its form.'
    ),
    (
      'aggregate',
      (e.aggregate_type is null) <> (e.aggregate_id is null)
      or (e.aggregate_id is null) <> (e.sequence is null)
      or (e.prev_hash is null) <> (coalesce(e.sequence, 1) = 1),
      'aggregate_type, aggregate_id, sequence and prev_hash do not go together.'
    ),
    (
      'id',
      ledger.event_time(e.id) is distinct from e.created_at,
      'The time in id is not created_at.'
    ),
    (
      'clock',
      e.created_at > clock_timestamp() + interval '1 hour',
      'created_at lies in the future.'
    ),
    (
      'run',
      not exists (
        select from ledger.agent_runs as run
        where run.tenant_id = e.tenant_id and run.id = e.run_id
      ),
      'Its run does not exist.'
    ),
    (
      'hash',
      e.hash <> ledger.event_hash(ledger.event_entry(
        e.tenant_id, e.id, e.created_at, e.run_id, e.trace_id, e.correlation_id, e.causation_id,
        e.event_type, e.schema_version, e.payload::text, e.deal_id, e.action_id,
        e.aggregate_type, e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome,
        e.proof, e.metadata, e.occurred_at, e.private_hash
      ), e.prev_hash),
      'hash is not the hash of its fields: the row was changed or forged.'
    )
  ) as r (rule, is_broken, detail)
  where r.is_broken
$$;

comment on function ledger.broken_rules(ledger.agent_events) is
  'The rules of emit_event() that an event breaks.';
