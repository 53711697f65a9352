-- The direct way of capture_rows(): two statements for a batch whose events are all plain, as
-- emit_event calls it. False, and nothing is written, when one is not, or when somebody else began
-- one of the streams meanwhile. As emit_plain_events(), but each stream gets one event, whose hash
-- needs no window; and what is the same for all is looked up once.
create or replace function ledger.capture_plain_rows(
  tenant_id text,
  aggregate_type text,
  event_types text[],
  aggregate_ids text[],
  payloads jsonb[],
  publish boolean,
  captured_at timestamptz
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(
    capture_plain_rows.tenant_id, ledger.setting('tenant_id'), 'default'
  );
  v_random uuid := gen_random_uuid();
  v_count int := cardinality(capture_plain_rows.aggregate_ids);
  v_run_id uuid;
  v_trace_id uuid;
  v_correlation_id uuid;
  v_causation_id uuid;
  v_actor_type text;
  v_actor_id text;
  v_is_permitted boolean;
  v_streams int;
  v_sequences bigint[];
  v_hashes bytea[];
  v_ctids tid[];
  v_new_streams int;
  v_first_time timestamptz;
  v_is_good boolean;
  v_begun text[];
begin
  if current_setting('ledger.context', true) = 'on' then
    v_run_id := ledger.setting('run_id')::uuid;
    v_trace_id := ledger.setting('trace_id')::uuid;
    v_correlation_id := ledger.setting('correlation_id')::uuid;
    v_causation_id := ledger.setting('causation_id')::uuid;
    v_actor_type := ledger.setting('actor_type');
    v_actor_id := ledger.setting('actor_id');
  end if;
  select
    r.id,
    coalesce(v_trace_id, r.trace_id, v_random),
    coalesce(v_correlation_id, case when v_causation_id is null then r.correlation_id end),
    'write' = any(g.privileges) or capture_plain_rows.captured_at is not null
  into v_run_id, v_trace_id, v_correlation_id, v_is_permitted
  from (values (true)) as always
  left join ledger.agent_runs as r
    on r.tenant_id = v_tenant_id
    and r.id = coalesce(v_run_id, '00000000-0000-0000-0000-000000000000')
  left join ledger.tenant_grants as g
    on g.tenant_id = v_tenant_id and g.role_name = ledger.caller();
  if v_is_permitted is not true then
    perform ledger.require_tenant(v_tenant_id, 'write');
  end if;
  if v_run_id is null
    or v_causation_id is not null and v_correlation_id is null
    or not coalesce(v_actor_type in ('user', 'agent', 'system', 'webhook'), true)
    or not coalesce(length(v_actor_id) between 1 and 255, true)
  then
    return false;
  end if;
  v_correlation_id := coalesce(v_correlation_id, v_trace_id);

  select
    count(distinct k.aggregate_id), array_agg(h.sequence), array_agg(h.hash), array_agg(h.ctid),
    count(*) - count(h.sequence),
    greatest(clock_timestamp(), max(h.created_at) + interval '1 microsecond')
  into v_streams, v_sequences, v_hashes, v_ctids, v_new_streams, v_first_time
  from unnest(capture_plain_rows.aggregate_ids) as k (aggregate_id)
  left join lateral (
    select s.ctid, s.sequence, s.hash, s.created_at
    from ledger.streams as s
    where s.tenant_id = v_tenant_id
      and s.aggregate_type = capture_plain_rows.aggregate_type
      and s.aggregate_id = k.aggregate_id
    for update
  ) as h on true;
  if v_streams < v_count then
    return false;
  end if;
  perform ledger.ensure_partition(t.at_time)
  from (values (v_first_time), (v_first_time + v_count * interval '1 microsecond')) as t (at_time)
  where not ledger.covered_period() @> t.at_time;

  with types as materialized (
    select t.*
    from (select distinct d.event_type from unnest(capture_plain_rows.event_types) as d (event_type))
      as d
    cross join lateral (
      select t.* from ledger.event_types as t where t.event_type = d.event_type limit 1
    ) as t
  ),
  written as materialized (
    select
      g.aggregate_id, g.payload, g.id, g.created_at, g.sequence, g.head, g.head_ctid,
      t.event_type, t.current_version as schema_version,
      coalesce(capture_plain_rows.publish, t.publish) as publish,
      ledger.event_hash(
        ledger.event_entry(
          v_tenant_id, g.id, g.created_at, v_run_id, v_trace_id, v_correlation_id, v_causation_id,
          t.event_type, t.current_version, g.payload_text, null, null,
          capture_plain_rows.aggregate_type, g.aggregate_id, g.sequence, v_actor_type, v_actor_id,
          null, null, null, capture_plain_rows.captured_at, null
        ),
        g.head
      ) as hash,
      g.payload @@ t.predicate
      and t.private_paths is null
      and t.secret_paths is null
      and length(g.aggregate_id) between 1 and 255
      and pg_column_size(g.payload) <= 8388608
      and not ledger.may_have_secrets(g.lower_text) as is_plain
    from (
      select
        g.*,
        ledger.uuid_v7(g.created_at, v_random) as id,
        lower(g.payload_text collate "C") as lower_text
      from (
        select
          r.*,
          r.payload::text as payload_text,
          v_first_time + r.ordinality * interval '1 microsecond' as created_at,
          coalesce(r.head_sequence, 0) + 1 as sequence
        from unnest(
          capture_plain_rows.event_types, capture_plain_rows.aggregate_ids,
          capture_plain_rows.payloads, v_sequences, v_hashes, v_ctids
        ) with ordinality as r (
          event_type, aggregate_id, payload, head_sequence, head, head_ctid, ordinality
        )
        offset 0
      ) as g
      offset 0
    ) as g
    left join types as t on t.event_type = g.event_type
  ),
  verdict as materialized (
    select coalesce(bool_and(w.is_plain is true), false) as is_plain from written as w
  ),
  begun as (
    insert into ledger.streams (tenant_id, aggregate_type, aggregate_id, sequence, created_at, hash)
    select
      v_tenant_id, capture_plain_rows.aggregate_type, w.aggregate_id, 1, w.created_at, w.hash
    from written as w
    where w.head_ctid is null and (select v.is_plain from verdict as v)
    on conflict do nothing
    returning aggregate_id
  ),
  outcome as materialized (
    select v.is_plain, b.ids, v.is_plain and b.streams = v_new_streams as is_good
    from verdict as v
    cross join (
      select count(*) as streams, array_agg(b.aggregate_id) as ids from begun as b
    ) as b
  ),
  insert_events as (
    insert into ledger.agent_events (
      tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
      schema_version, payload, aggregate_type, aggregate_id, sequence, actor_type, actor_id,
      occurred_at, prev_hash, hash
    )
    select
      v_tenant_id, w.id, w.created_at, v_run_id, v_trace_id, v_correlation_id, v_causation_id,
      w.event_type, w.schema_version, w.payload, capture_plain_rows.aggregate_type,
      w.aggregate_id, w.sequence, v_actor_type, v_actor_id, capture_plain_rows.captured_at, w.head,
      w.hash
    from written as w
    where (select o.is_good from outcome as o)
  ),
  insert_outbox as (
    insert into ledger.outbox (
      tenant_id, id, aggregate_type, aggregate_id, event_type, schema_version, payload, trace_id,
      correlation_id, created_at
    )
    select
      v_tenant_id, w.id, capture_plain_rows.aggregate_type, w.aggregate_id, w.event_type,
      w.schema_version, w.payload, v_trace_id, v_correlation_id, w.created_at
    from written as w
    where w.publish and (select o.is_good from outcome as o)
  ),
  update_streams as (
    update ledger.streams as s
    set sequence = w.sequence, created_at = w.created_at, hash = w.hash, prev_hash = w.head
    from written as w
    where s.ctid = w.head_ctid and (select o.is_good from outcome as o)
  )
  select o.is_good, case when o.is_plain and not o.is_good then o.ids end
  into v_is_good, v_begun
  from outcome as o;

  if v_begun is not null then
    -- Somebody else began one of the streams. Ours go back to where nothing has happened yet.
    update ledger.streams as s
    set sequence = 0, created_at = timestamptz '-infinity', hash = null
    from unnest(v_begun) as b (aggregate_id)
    where s.tenant_id = v_tenant_id
      and s.aggregate_type = capture_plain_rows.aggregate_type
      and s.aggregate_id = b.aggregate_id;
  end if;
  return v_is_good;
end
$$;

comment on function ledger.capture_plain_rows(
  text, text, text[], text[], jsonb[], boolean, timestamptz
) is
  'Part of capture_rows(): writes a batch directly when every event is plain, else writes nothing '
  'and returns false.';
