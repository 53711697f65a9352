-- The events of one tenant in a partition that was attached again: each is what was sealed at its
-- position, and none is missing or too many. Returns their number; LG010 names the first that is
-- wrong. Reads them all, once, whatever statistics say.
create or replace function ledger.refuse_restored(
  range ledger.cold_ranges,
  from_time timestamptz,
  to_time timestamptz
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_first bigint := lower((range).positions);
  v_last bigint := upper((range).positions) - 1;
  v_count bigint;
  v_problem text;
begin
  with sealed as materialized (
    select l.position, l.event_id, l.created_at
    from ledger.log_entries as l
    where l.tenant_id = (range).tenant_id and l.position between v_first and v_last
  ),
  looked_at as (
    select
      e.id,
      case
        when l.position is null or not (range).positions @> l.position
          then 'was not in this partition when it was dropped'
        when e.hash is distinct from ledger.event_hash(ledger.event_entry(
          e.tenant_id, e.id, e.created_at, e.run_id, e.trace_id, e.correlation_id, e.causation_id,
          e.event_type, e.schema_version, e.payload::text, e.deal_id, e.action_id,
          e.aggregate_type, e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome,
          e.proof, e.metadata, e.occurred_at, e.private_hash
        ), e.prev_hash)
          then 'was changed: hash is not the hash of its fields'
        when e.hash is distinct from v.leaf or e.created_at is distinct from l.created_at
          then format('is not what was sealed at position %s', l.position)
        when e.xact_id is distinct from '0' then 'has a transaction id: leave xact_id out'
      end as problem
    from ledger.agent_events_archive as e
    left join sealed as l on l.event_id = e.id
    left join ledger.log_leaves((range).tenant_id, v_first, v_last) as v
      on v.position = l.position
    where e.tenant_id = (range).tenant_id
      and e.created_at >= refuse_restored.from_time
      and e.created_at < refuse_restored.to_time
  )
  select count(*), min(format('event %s %s', a.id, a.problem)) filter (where a.problem is not null)
  into v_count, v_problem
  from looked_at as a;

  if v_problem is null and v_count <> (range).row_count then
    select format('event %s of position %s is missing', l.event_id, l.position) into v_problem
    from ledger.log_entries as l
    where l.tenant_id = (range).tenant_id
      and l.position between v_first and v_last
      and (range).positions @> l.position
      and not exists (
        select
        from ledger.agent_events_archive as e
        where e.tenant_id = l.tenant_id and e.created_at = l.created_at and e.id = l.event_id
      )
    order by l.position
    limit 1;
  end if;
  if v_problem is not null then
    raise exception using
      errcode = 'LG010',
      message = format(
        'partition %s is not what was dropped: tenant %s: %s',
        (range).partition_name, (range).tenant_id, v_problem
      ),
      hint = 'Nothing was restored. `agent-events cold verify` tells what is wrong with the file.';
  end if;
  return v_count;
end
$$;

comment on function ledger.refuse_restored(ledger.cold_ranges, timestamptz, timestamptz) is
  'Part of finish_restore(): LG010 unless the events of a tenant are those that were dropped.';
