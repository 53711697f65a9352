-- One statement for a batch in which every event is plain, as emit_event calls it; writes nothing
-- and returns no row when one is not. The caller has checked the tenant and holds the locks of
-- lock_streams(). Event n of the batch gets first_time + n microseconds, which orders every stream
-- and makes the ids distinct. A window aggregate chains each stream. Whether every event is plain
-- is asked last, when all is computed but nothing written: one copy of the rows less. Lookups are
-- lateral and the locked heads are updated by ctid, so that no plan walks a whole table, however
-- small it was when the plan was made.
create or replace function ledger.emit_plain_events(
  tenant_id text,
  events jsonb,
  first_time timestamptz
)
returns setof ledger.receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_random uuid := gen_random_uuid();
  v_count int := jsonb_array_length(emit_plain_events.events);
  v_run_id uuid := uuid '00000000-0000-0000-0000-000000000000';
  v_trace_id uuid;
  v_correlation_id uuid;
  v_causation_id uuid;
  v_actor_type text;
  v_actor_id text;
begin
  if current_setting('ledger.context', true) = 'on' then
    v_run_id := coalesce(ledger.setting('run_id')::uuid, v_run_id);
    v_trace_id := ledger.setting('trace_id')::uuid;
    v_correlation_id := ledger.setting('correlation_id')::uuid;
    v_causation_id := ledger.setting('causation_id')::uuid;
    v_actor_type := ledger.setting('actor_type');
    v_actor_id := ledger.setting('actor_id');
  end if;

  perform ledger.ensure_partition(t.at_time)
  from (values
    (emit_plain_events.first_time),
    (emit_plain_events.first_time + v_count * interval '1 microsecond')
  ) as t (at_time)
  where not ledger.covered_period() @> t.at_time;

  return query
  with given as materialized (
    select
      e.ordinality,
      emit_plain_events.first_time + e.ordinality * interval '1 microsecond' as created_at,
      case when e.aggregate_id is null then e.ordinality end as alone,
      e.event_type, e.schema_version, coalesce(e.payload, '{}') as payload,
      coalesce(e.payload::text, '{}') as payload_text,
      coalesce(e.run_id, v_run_id) as run_id,
      coalesce(e.trace_id, v_trace_id) as trace_id,
      coalesce(e.deal_id, e.correlation_id, v_correlation_id) as correlation_id,
      coalesce(e.causation_id, v_causation_id) as causation_id,
      e.deal_id, e.action_id, e.aggregate_type, e.aggregate_id, e.expected_sequence,
      coalesce(e.actor_type, v_actor_type) as actor_type,
      coalesce(e.actor_id, v_actor_id) as actor_id,
      e.outcome, e.proof, e.metadata, e.private, e.subject_id, e.occurred_at, e.idempotency_key,
      e.publish, e.headers
    from jsonb_populate_recordset(null::ledger.event_input, emit_plain_events.events)
      with ordinality as e
  ),
  types as materialized (
    select t.*
    from (select distinct g.event_type from given as g) as d
    cross join lateral (
      select t.* from ledger.event_types as t where t.event_type = d.event_type limit 1
    ) as t
  ),
  runs as materialized (
    select r.*
    from (select distinct g.run_id from given as g) as d
    cross join lateral (
      select r.*
      from ledger.agent_runs as r
      where r.tenant_id = emit_plain_events.tenant_id and r.id = d.run_id
      limit 1
    ) as r
  ),
  checked as (
    select
      g.ordinality, g.created_at, g.alone, g.event_type, g.payload, g.payload_text, g.run_id,
      g.causation_id, g.deal_id, g.action_id, g.aggregate_type, g.aggregate_id, g.actor_type,
      g.actor_id, g.outcome, g.proof, g.metadata, g.occurred_at, g.headers,
      ledger.uuid_v7(g.created_at, v_random) as id,
      t.current_version as schema_version,
      coalesce(g.publish, t.publish) as publish,
      coalesce(g.trace_id, r.trace_id, gen_random_uuid()) as trace_id,
      coalesce(g.correlation_id, r.correlation_id) as correlation_id,
      r.id is not null
      and coalesce(g.schema_version, t.current_version) = t.current_version
      and g.payload @@ t.predicate
      and t.private_paths is null
      and t.secret_paths is null
      and g.private is null
      and g.subject_id is null
      and g.expected_sequence is null
      and g.idempotency_key is null
      and (g.causation_id is null or g.correlation_id is not null)
      and not ledger.may_have_secrets(g.lower_text)
      and ledger.arguments_hold(
        g.payload, g.aggregate_type, g.aggregate_id, null, g.actor_type, g.actor_id, g.outcome,
        g.proof, g.metadata, null, null, g.occurred_at, null, g.headers
      ) as is_plain
    from (
      select
        g.*,
        lower(
          (g.payload_text || coalesce(g.metadata::text, '') || coalesce(g.proof::text, ''))
          collate "C"
        ) as lower_text
      from given as g
      offset 0
    ) as g
    left join types as t on t.event_type = g.event_type
    left join runs as r on r.id = g.run_id
  ),
  placed as (
    select
      c.*,
      s.sequence + row_number() over stream as sequence,
      lead(c.ordinality) over stream is null as is_last,
      s.hash as head,
      s.ctid as head_ctid
    from checked as c
    left join lateral (
      select s.ctid, s.sequence, s.hash
      from ledger.streams as s
      where s.tenant_id = emit_plain_events.tenant_id
        and s.aggregate_type = c.aggregate_type
        and s.aggregate_id = c.aggregate_id
      limit 1
    ) as s on true
    window stream as (partition by c.aggregate_type, c.aggregate_id, c.alone order by c.ordinality)
  ),
  linked as (
    select
      p.*,
      ledger.link(
        ledger.event_entry(
          emit_plain_events.tenant_id, p.id, p.created_at, p.run_id, p.trace_id,
          coalesce(p.correlation_id, p.trace_id), p.causation_id, p.event_type, p.schema_version,
          p.payload_text, p.deal_id, p.action_id, p.aggregate_type, p.aggregate_id, p.sequence,
          p.actor_type, p.actor_id, p.outcome, p.proof, p.metadata, p.occurred_at, null
        ),
        p.head
      ) over stream as link
    from placed as p
    window stream as (partition by p.aggregate_type, p.aggregate_id, p.alone order by p.ordinality)
  ),
  written as materialized (
    select
      l.ordinality, l.id, l.created_at, l.run_id, l.trace_id,
      coalesce(l.correlation_id, l.trace_id) as correlation_id, l.causation_id, l.event_type,
      l.schema_version, l.payload, l.deal_id, l.action_id, l.aggregate_type, l.aggregate_id,
      l.sequence, l.actor_type, l.actor_id, l.outcome, l.proof, l.metadata, l.occurred_at,
      case when l.sequence is not null then l.link[1] end as prev_hash, l.link[2] as hash,
      l.publish, l.headers, l.is_last, l.head_ctid, l.is_plain
    from linked as l
  ),
  verdict as materialized (
    select bool_and(w.is_plain is true) as is_plain from written as w
  ),
  insert_events as (
    insert into ledger.agent_events (
      tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
      schema_version, payload, deal_id, action_id, aggregate_type, aggregate_id, sequence,
      actor_type, actor_id, outcome, proof, metadata, occurred_at, prev_hash, hash
    )
    select
      emit_plain_events.tenant_id, w.id, w.created_at, w.run_id, w.trace_id, w.correlation_id,
      w.causation_id, w.event_type, w.schema_version, w.payload, w.deal_id, w.action_id,
      w.aggregate_type, w.aggregate_id, w.sequence, w.actor_type, w.actor_id, w.outcome, w.proof,
      w.metadata, w.occurred_at, w.prev_hash, w.hash
    from written as w
    where (select v.is_plain from verdict as v)
  ),
  insert_outbox as (
    insert into ledger.outbox (
      tenant_id, id, aggregate_type, aggregate_id, event_type, schema_version, payload, trace_id,
      correlation_id, created_at, headers
    )
    select
      emit_plain_events.tenant_id, w.id, w.aggregate_type, w.aggregate_id, w.event_type,
      w.schema_version, w.payload, w.trace_id, w.correlation_id, w.created_at, w.headers
    from written as w
    where w.publish and (select v.is_plain from verdict as v)
  ),
  update_streams as (
    update ledger.streams as s
    set sequence = w.sequence, created_at = w.created_at, hash = w.hash, prev_hash = w.prev_hash
    from written as w
    where w.is_last
      and s.ctid = w.head_ctid
      and (select v.is_plain from verdict as v)
  )
  select w.id, w.created_at, w.sequence, w.hash, false
  from written as w
  where (select v.is_plain from verdict as v)
  order by w.ordinality;
end
$$;

comment on function ledger.emit_plain_events(text, jsonb, timestamptz) is
  'Part of emit_events(): writes a batch in one statement when every event is plain, else '
  'writes nothing and returns no row.';
