-- Emits one change of a tracked table, from the row before and after it: what emit_event() does for
-- a plain event of a stream, without the parameters that a captured one has not. False, and nothing
-- is done, when it is not plain: capture_rows() then does it. Locks the stream's row until the
-- transaction ends. PostgreSQL sets every expression up again in every transaction: hence one
-- statement that computes all there is to compute.
create or replace function ledger.capture_change(arguments text[], old_row jsonb, new_row jsonb)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v record;
  v_head_time timestamptz;
  v_sequence bigint;
  v_hash bytea;
  v_prev_hash bytea;
begin
  select
    c.*, t.event_type, t.current_version as schema_version, r.id as run_id,
    coalesce(nullif(arguments[6], '')::boolean, t.publish) as is_published,
    coalesce(c.given_trace_id, r.trace_id, c.random) as trace_id,
    coalesce(c.given_correlation_id, r.correlation_id, c.given_trace_id, r.trace_id, c.random)
      as correlation_id,
    c.is_simple
    and 'write' = any(g.privileges)
    and octet_length(c.payload_text) <= 1048576
    and c.payload @@ t.predicate
    and t.private_paths is null
    and t.secret_paths is null
    and not ledger.may_have_secrets(c.lower_text) as is_plain
  into v
  from (
    select
      c.*, ledger.uuid_v7(c.created_at, c.random) as id,
      lower(c.payload_text collate "C") as lower_text,
      c.key is not null
      and (c.causation_id is null or c.given_correlation_id is not null)
      and coalesce(c.actor_type = any('{user,agent,system,webhook}'), true)
      and coalesce(int4range(1, 256) @> length(c.actor_id), true) as is_simple
    from (
      select c.*, c.payload::text as payload_text
      from (
        select
          p.kind, clock_timestamp() as created_at, gen_random_uuid() as random,
          ledger.captured_key(p.row_data, p.key_columns, p.needed) as key,
          coalesce(p.row_data ->> p.tenant_column, ledger.setting('tenant_id'), 'default')
            as tenant_id,
          case p.kind
            when '.created' then jsonb_build_object(
              'new', ledger.captured_columns(p.row_data, p.excluded, p.masked)
            )
            when '.deleted' then jsonb_build_object(
              'old', ledger.captured_columns(p.row_data, p.excluded, p.masked)
            )
            else ledger.changed_columns(old_row, new_row, p.excluded, p.masked)
          end as payload,
          case when p.has_context then ledger.setting('run_id')::uuid end as given_run_id,
          case when p.has_context then ledger.setting('trace_id')::uuid end as given_trace_id,
          case when p.has_context then ledger.setting('correlation_id')::uuid end
            as given_correlation_id,
          case when p.has_context then ledger.setting('causation_id')::uuid end as causation_id,
          case when p.has_context then ledger.setting('actor_type') end as actor_type,
          case when p.has_context then ledger.setting('actor_id') end as actor_id
        from (
          select
            arguments[2]::text[] as key_columns, arguments[3]::text[] as excluded,
            arguments[4]::text[] as masked, arguments[5] as tenant_column,
            array_remove(arguments[2]::text[] || arguments[5], '') as needed,
            coalesce(new_row, old_row) as row_data,
            case
              when old_row is null then '.created' when new_row is null then '.deleted'
              else '.updated'
            end as kind,
            current_setting('ledger.context', true) = 'on' as has_context
          offset 0
        ) as p
        where p.kind <> '.updated'
          or (
            ledger.captured_key(old_row, p.key_columns, p.needed)
            = ledger.captured_key(new_row, p.key_columns, p.needed)
            and old_row ->> p.tenant_column is not distinct from new_row ->> p.tenant_column
          )
        offset 0
      ) as c
      offset 0
    ) as c
    offset 0
  ) as c
  left join ledger.event_types as t on t.event_type = arguments[0] || c.kind
  left join ledger.agent_runs as r
    on r.tenant_id = c.tenant_id
    and r.id = coalesce(c.given_run_id, '00000000-0000-0000-0000-000000000000')
  left join ledger.tenant_grants as g
    on g.tenant_id = c.tenant_id and g.role_name = ledger.caller();

  if v.kind is not null and v.payload is null then
    return true;
  elsif (v.is_plain and v.run_id is not null) is not true then
    return false;
  end if;

  update ledger.streams as s
  set
    sequence = s.sequence + 1,
    created_at = greatest(v.created_at, s.created_at + interval '1 microsecond'),
    prev_hash = s.hash,
    hash = ledger.event_hash(
      ledger.event_entry(
        v.tenant_id,
        case
          when s.created_at < v.created_at then v.id
          else ledger.event_id(s.created_at + interval '1 microsecond', v.random)
        end,
        greatest(v.created_at, s.created_at + interval '1 microsecond'),
        v.run_id, v.trace_id, v.correlation_id, v.causation_id, v.event_type, v.schema_version,
        v.payload_text, null, null, arguments[1], v.key, s.sequence + 1, v.actor_type, v.actor_id,
        null, null, null, null, null
      ),
      s.hash
    )
  where s.tenant_id = v.tenant_id
    and s.aggregate_type = arguments[1]
    and s.aggregate_id = v.key
  returning s.created_at, s.sequence, s.hash, s.prev_hash
  into v_head_time, v_sequence, v_hash, v_prev_hash;
  if not found then
    v_sequence := 1;
    v_head_time := v.created_at;
    v_hash := ledger.event_hash(
      ledger.event_entry(
        v.tenant_id, v.id, v.created_at, v.run_id, v.trace_id, v.correlation_id, v.causation_id,
        v.event_type, v.schema_version, v.payload_text, null, null, arguments[1], v.key,
        v_sequence, v.actor_type, v.actor_id, null, null, null, null, null
      ),
      null
    );
    if not ledger.begin_stream(
      v.tenant_id, arguments[1], v.key, null, v.created_at, v_hash
    ) then
      return false;
    end if;
  end if;

  if not ledger.covered_period() @> v_head_time then
    perform ledger.ensure_partition(v_head_time);
  end if;
  insert into ledger.agent_events (
    tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
    schema_version, payload, aggregate_type, aggregate_id, sequence, actor_type, actor_id,
    prev_hash, hash
  )
  values (
    v.tenant_id,
    case when v_head_time = v.created_at then v.id else ledger.event_id(v_head_time, v.random) end,
    v_head_time, v.run_id, v.trace_id, v.correlation_id, v.causation_id, v.event_type,
    v.schema_version, v.payload, arguments[1], v.key, v_sequence, v.actor_type, v.actor_id,
    v_prev_hash, v_hash
  );
  if v.is_published then
    insert into ledger.outbox (
      tenant_id, id, aggregate_type, aggregate_id, event_type, schema_version, payload, trace_id,
      correlation_id, created_at
    )
    values (
      v.tenant_id,
      case
        when v_head_time = v.created_at then v.id else ledger.event_id(v_head_time, v.random)
      end,
      arguments[1], v.key, v.event_type, v.schema_version, v.payload, v.trace_id,
      v.correlation_id, v_head_time
    );
  end if;
  return true;
end
$$;

comment on function ledger.capture_change(text[], jsonb, jsonb) is
  'Part of capture_changes(): emits one change when it is plain, else does nothing and returns '
  'false.';
