-- Emits what one statement did to a tracked table: rows before and after it, in the order in which
-- it changed them (either may be empty). arguments are the trigger's, from 0: event prefix,
-- aggregate type, key columns, excluded, masked, tenant column, publish, whether statements may be
-- nested, whether it is deferred, its quick_key(). is_mixed and captured_at are of a statement that waited in
-- capture_queue. One change goes the short way; many go in key order, so that statements do not deadlock
-- on the streams. An update shows the columns whose texts differ: 1.0 and 1.00 are equal, and yet
-- not what was there before. Returns the number of events.
create or replace function ledger.capture_changes(
  arguments text[],
  old_rows jsonb[],
  new_rows jsonb[],
  is_mixed boolean default false,
  captured_at timestamptz default null
)
returns int
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
  c_publish constant boolean := nullif(arguments[6], '')::boolean;
  v_row jsonb;
  v_key text;
  v_tenant_id text;
  v_hidden text[];
  v_columns text[];
  v_count int := 0;
  v_batch record;
begin
  if arguments[7] = 't' then
    select e.old_rows, e.new_rows, e.is_outermost, coalesce(e.is_mixed, false)
    into old_rows, new_rows, v_is_outermost, is_mixed
    from ledger.capture_end(arguments[0], old_rows, new_rows) as e;
    if not v_is_outermost then
      return 0;
    end if;
  end if;

  if is_mixed then
    v_is_update := true;
  elsif old_rows = '{}' and new_rows = '{}' then
    return 0;
  elsif cardinality(old_rows) < 2 and cardinality(new_rows) < 2 then
    v_row := coalesce(new_rows[1], old_rows[1]);
    v_key := ledger.captured_key(v_row, c_keys, c_needed);
    v_tenant_id := v_row ->> c_tenant;
    if not v_is_update then
      return ledger.capture_change(
        v_tenant_id, arguments[1], v_key, c_publish,
        arguments[0] || case when old_rows = '{}' then '.created' else '.deleted' end,
        jsonb_build_object(
          case when old_rows = '{}' then 'new' else 'old' end,
          ledger.captured_columns(v_row, c_excluded, c_masked)
        ),
        captured_at
      );
    elsif v_key = ledger.captured_key(old_rows[1], c_keys, c_needed)
      and coalesce(v_tenant_id = old_rows[1] ->> c_tenant, c_tenant = '')
    then
      v_hidden := c_excluded || array(
        select o.key
        from jsonb_each(old_rows[1]) as o
        where o.value::text = (v_row -> o.key)::text
      );
      if old_rows[1] - v_hidden <> '{}' then
        return ledger.capture_change(
          v_tenant_id, arguments[1], v_key, c_publish, arguments[0] || '.updated',
          jsonb_build_object(
            'old', ledger.captured_columns(old_rows[1], v_hidden, c_masked),
            'new', ledger.captured_columns(v_row, v_hidden, c_masked)
          ),
          captured_at
        );
      end if;
      return 0;
    end if;
  end if;

  if v_is_update then
    v_columns := array(select jsonb_object_keys(old_rows[1]));
    select m.old_rows, m.new_rows into old_rows, new_rows
    from ledger.match_rows(
      old_rows, new_rows, c_keys, c_needed, c_tenant, is_mixed
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
            'new', ledger.captured_columns(r.n, r.hidden, c_masked)
          )
          when '.deleted' then jsonb_build_object(
            'old', ledger.captured_columns(r.o, r.hidden, c_masked)
          )
          else jsonb_build_object(
            'old', ledger.captured_columns(r.o, r.hidden, c_masked),
            'new', ledger.captured_columns(r.n, r.hidden, c_masked)
          )
        end as payload
      from (
        select
          r.*, coalesce(r.n, r.o) as row_data,
          coalesce(r.n, r.o) ->> c_tenant as tenant_id,
          case
            when r.o is null then '.created' when r.n is null then '.deleted' else '.updated'
          end as kind,
          case
            when v_is_update then c_excluded || array(
              select k.name
              from unnest(v_columns) as k (name)
              where (r.o -> k.name)::text = (r.n -> k.name)::text
            )
            else c_excluded
          end as hidden
        from unnest(old_rows, new_rows) with ordinality as r (o, n, ordinality)
        offset 0
      ) as r
      order by 2, 3, 1
    ) as c
    where c.kind <> '.updated' or c.payload -> 'old' <> '{}'
    group by c.tenant_id
    order by c.tenant_id
  loop
    v_count := v_count + cardinality(v_batch.keys);
    perform ledger.capture_rows(
      v_batch.tenant_id, arguments[1], v_batch.event_types, v_batch.keys, v_batch.payloads,
      c_publish, captured_at
    );
  end loop;
  return v_count;
end
$$;

comment on function ledger.capture_changes(text[], jsonb[], jsonb[], boolean, timestamptz) is
  'Part of the triggers of tracked tables: emits what one statement changed.';
