-- Emits one change of a tracked table: what emit_event() does for a plain event of a stream, without
-- the parameters that a captured one has not. What is not plain, emit_event() emits. A row that is
-- created mostly begins a stream: that is tried first and spares an UPDATE that finds nothing.
-- captured_at is the time of a change that waited in capture_queue (NULL: it is made now), whose
-- writer's privilege was checked then. Locks the stream's row until the transaction ends. Returns 1,
-- an event: RETURN of a call costs its caller less than PERFORM.
create or replace function ledger.capture_change(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  publish boolean,
  event_type text,
  payload jsonb,
  captured_at timestamptz
)
returns int
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  c_no_run constant uuid := uuid '00000000-0000-0000-0000-000000000000';
  v_created_at timestamptz := clock_timestamp();
  v_random uuid := gen_random_uuid();
  v_id uuid := ledger.uuid_v7(v_created_at, v_random);
  v_payload text := capture_change.payload::text;
  v_text text := lower(v_payload collate "C");
  v_tenant_id text := coalesce(capture_change.tenant_id, ledger.setting('tenant_id'), 'default');
  v_run_id uuid := c_no_run;
  v_trace_id uuid;
  v_correlation_id uuid;
  v_causation_id uuid;
  v_actor_type text;
  v_actor_id text;
  v_version int;
  v_type varchar(100);
  v_publish boolean;
  v_is_plain boolean;
  v_may_be_new boolean := capture_change.event_type like '%.created';
  v_head_time timestamptz;
  v_sequence bigint;
  v_hash bytea;
  v_prev_hash bytea;
begin
  if capture_change.aggregate_id is null then
    perform ledger.refuse_key(capture_change.aggregate_type);
  end if;
  if current_setting('ledger.context', true) = 'on' then
    v_run_id := coalesce(ledger.setting('run_id')::uuid, c_no_run);
    v_trace_id := ledger.setting('trace_id')::uuid;
    v_correlation_id := ledger.setting('correlation_id')::uuid;
    v_causation_id := ledger.setting('causation_id')::uuid;
    v_actor_type := ledger.setting('actor_type');
    v_actor_id := ledger.setting('actor_id');
  end if;

  select
    t.event_type, t.current_version, coalesce(capture_change.publish, t.publish),
    coalesce(v_trace_id, r.trace_id, v_random),
    coalesce(v_correlation_id, r.correlation_id, v_trace_id, r.trace_id, v_random),
    ('write' = any(g.privileges) or capture_change.captured_at is not null)
    and (v_causation_id is null or v_correlation_id is not null)
    and coalesce(v_actor_type = any('{user,agent,system,webhook}'), true)
    and coalesce(int4range(1, 256) @> length(v_actor_id), true)
    and octet_length(v_text) <= 1048576
    and length(capture_change.aggregate_id) between 1 and 255
    and capture_change.payload @@ t.predicate
    and t.private_paths is null
    and t.secret_paths is null
    and not ledger.may_have_secrets(v_text)
  into v_type, v_version, v_publish, v_trace_id, v_correlation_id, v_is_plain
  from ledger.event_types as t
  cross join ledger.agent_runs as r
  left join ledger.tenant_grants as g
    on g.tenant_id = v_tenant_id and g.role_name = ledger.caller()
  where t.event_type = capture_change.event_type
    and r.tenant_id = v_tenant_id
    and r.id = v_run_id;

  if v_is_plain then
    loop
      if v_may_be_new then
        insert into ledger.streams (
          tenant_id, aggregate_type, aggregate_id, sequence, created_at, hash
        )
        values (
          v_tenant_id, capture_change.aggregate_type, capture_change.aggregate_id, 1, v_created_at,
          ledger.event_hash(
            ledger.event_entry(
              v_tenant_id, v_id, v_created_at, v_run_id, v_trace_id, v_correlation_id,
              v_causation_id, v_type, v_version, v_payload, null, null,
              capture_change.aggregate_type, capture_change.aggregate_id, 1, v_actor_type,
              v_actor_id, null, null, null, capture_change.captured_at, null
            ),
            null
          )
        )
        on conflict do nothing
        returning sequence, hash into v_sequence, v_hash;
        exit when found;
      end if;

      update ledger.streams as s
      set
        sequence = s.sequence + 1,
        created_at = greatest(v_created_at, s.created_at + interval '1 microsecond'),
        prev_hash = s.hash,
        hash = ledger.event_hash(
          ledger.event_entry(
            v_tenant_id,
            case
              when s.created_at < v_created_at then v_id
              else ledger.event_id(s.created_at + interval '1 microsecond', v_random)
            end,
            greatest(v_created_at, s.created_at + interval '1 microsecond'),
            v_run_id, v_trace_id, v_correlation_id, v_causation_id, v_type, v_version, v_payload,
            null, null, capture_change.aggregate_type, capture_change.aggregate_id, s.sequence + 1,
            v_actor_type, v_actor_id, null, null, null, capture_change.captured_at, null
          ),
          s.hash
        )
      where s.tenant_id = v_tenant_id
        and s.aggregate_type = capture_change.aggregate_type
        and s.aggregate_id = capture_change.aggregate_id
      returning s.created_at, s.sequence, s.hash, s.prev_hash
      into v_head_time, v_sequence, v_hash, v_prev_hash;
      if found then
        if v_head_time <> v_created_at then
          v_created_at := v_head_time;
          v_id := ledger.event_id(v_created_at, v_random);
        end if;
        exit;
      end if;
      v_may_be_new := true;
    end loop;
  end if;
  if v_is_plain is not true then
    perform ledger.emit_event(
      capture_change.event_type, capture_change.payload, v_tenant_id,
      aggregate_type => capture_change.aggregate_type,
      aggregate_id => capture_change.aggregate_id,
      occurred_at => capture_change.captured_at,
      publish => capture_change.publish
    );
    return 1;
  end if;

  if not ledger.covered_period() @> v_created_at then
    perform ledger.ensure_partition(v_created_at);
  end if;
  with event as (
    insert into ledger.agent_events (
      tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
      schema_version, payload, aggregate_type, aggregate_id, sequence, actor_type, actor_id,
      occurred_at, prev_hash, hash
    )
    values (
      v_tenant_id, v_id, v_created_at, v_run_id, v_trace_id, v_correlation_id, v_causation_id,
      v_type, v_version, capture_change.payload, capture_change.aggregate_type,
      capture_change.aggregate_id, v_sequence, v_actor_type, v_actor_id,
      capture_change.captured_at, v_prev_hash, v_hash
    )
  )
  insert into ledger.outbox (
    tenant_id, id, aggregate_type, aggregate_id, event_type, schema_version, payload, trace_id,
    correlation_id, created_at
  )
  select
    v_tenant_id, v_id, capture_change.aggregate_type, capture_change.aggregate_id, v_type,
    v_version, capture_change.payload, v_trace_id, v_correlation_id, v_created_at
  where v_publish;
  return 1;
end
$$;

comment on function ledger.capture_change(text, text, text, boolean, text, jsonb, timestamptz) is
  'Part of capture_changes(): emits one change.';
