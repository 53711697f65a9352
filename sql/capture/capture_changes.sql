-- Emits what one statement did to a tracked table: rows before and after it, in the order in which
-- it changed them (either may be empty). arguments are the trigger's, from 0: event prefix,
-- aggregate type, key columns, excluded, masked, tenant column, publish, whether statements may be
-- nested. One change goes the short
-- way; many go in key order, so that statements do not deadlock on the streams.
create or replace function ledger.capture_changes(
  arguments text[],
  old_rows jsonb[],
  new_rows jsonb[]
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  c_keys constant text[] := arguments[2]::text[];
  c_excluded constant text[] := arguments[3]::text[];
  c_masked constant text[] := arguments[4]::text[];
  c_tenant constant text := arguments[5];
  c_needed constant text[] := array_remove(c_keys || c_tenant, '');
  v_is_update boolean := old_rows <> '{}' and new_rows <> '{}';
  v_is_outermost boolean;
  v_is_mixed boolean := false;
  c_publish constant boolean := nullif(arguments[6], '')::boolean;
  v_row jsonb;
  v_key text;
  v_tenant_id text;
  v_payload jsonb;
  v_batch record;
begin
  if arguments[7] = 't' then
    select e.old_rows, e.new_rows, e.is_outermost, coalesce(e.is_mixed, false)
    into old_rows, new_rows, v_is_outermost, v_is_mixed
    from ledger.capture_end(arguments[0], old_rows, new_rows) as e;
    if not v_is_outermost then
      return;
    end if;
  end if;

  if v_is_mixed then
    v_is_update := true;
  elsif old_rows = '{}' and new_rows = '{}' then
    return;
  elsif cardinality(old_rows) < 2 and cardinality(new_rows) < 2 then
    v_row := coalesce(new_rows[1], old_rows[1]);
    v_key := ledger.captured_key(v_row, c_keys, c_needed);
    v_tenant_id := v_row ->> c_tenant;
    if not v_is_update then
      perform ledger.capture_change(
        v_tenant_id, arguments[1], v_key, c_publish,
        arguments[0] || case when old_rows = '{}' then '.created' else '.deleted' end,
        jsonb_build_object(
          case when old_rows = '{}' then 'new' else 'old' end,
          ledger.captured_columns(v_row, c_excluded, c_masked)
        )
      );
      return;
    elsif v_key = ledger.captured_key(old_rows[1], c_keys, c_needed)
      and coalesce(v_tenant_id = old_rows[1] ->> c_tenant, c_tenant = '')
    then
      v_payload := ledger.changed_columns(old_rows[1], v_row, c_excluded, c_masked);
      if v_payload is not null then
        perform ledger.capture_change(
          v_tenant_id, arguments[1], v_key, c_publish, arguments[0] || '.updated', v_payload
        );
      end if;
      return;
    end if;
  end if;

  if v_is_update then
    select m.old_rows, m.new_rows into old_rows, new_rows
    from ledger.match_rows(
      old_rows, new_rows, c_keys, c_needed, c_tenant, v_is_mixed
    ) as m;
  end if;
  for v_batch in
    select
      c.tenant_id, array_agg(arguments[0] || c.kind) as event_types, array_agg(c.key) as keys,
      array_agg(c.payload) as payloads
    from (
      select
        r.ordinality, r.tenant_id, ledger.captured_key(r.row_data, c_keys, c_needed) as key, r.kind,
        case r.kind
          when '.created' then jsonb_build_object(
            'new', ledger.captured_columns(r.n, c_excluded, c_masked)
          )
          when '.deleted' then jsonb_build_object(
            'old', ledger.captured_columns(r.o, c_excluded, c_masked)
          )
          else (
            select jsonb_build_object(
              'old', ledger.captured_columns(jsonb_object_agg(d.key, d.value), '{}', c_masked),
              'new', ledger.captured_columns(jsonb_object_agg(d.key, r.n -> d.key), '{}', c_masked)
            )
            from jsonb_each(r.o) as d
            where row(d.value)::record *<> row(r.n -> d.key)::record and d.key <> all(c_excluded)
            having count(*) > 0
          )
        end as payload
      from (
        select
          r.*, coalesce(r.n, r.o) as row_data,
          coalesce(r.n, r.o) ->> c_tenant as tenant_id,
          case
            when r.o is null then '.created' when r.n is null then '.deleted' else '.updated'
          end as kind
        from unnest(old_rows, new_rows) with ordinality as r (o, n, ordinality)
        offset 0
      ) as r
      order by 2, 3, 1
    ) as c
    where c.payload is not null
    group by c.tenant_id
    order by c.tenant_id
  loop
    perform ledger.capture_rows(
      v_batch.tenant_id, arguments[1], v_batch.event_types, v_batch.keys, v_batch.payloads,
      c_publish
    );
  end loop;
end
$$;

comment on function ledger.capture_changes(text[], jsonb[], jsonb[]) is
  'Part of the triggers of tracked tables: emits what one statement changed.';
