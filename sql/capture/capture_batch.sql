-- The long way of capture_changes(): any number of changes, in key order, so that statements do not
-- deadlock on the streams; a batch for each tenant. is_mixed: several statements changed them.
create or replace function ledger.capture_batch(
  arguments text[],
  old_rows jsonb[],
  new_rows jsonb[],
  is_mixed boolean
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
  v_batch record;
begin
  if is_mixed or (old_rows <> '{}' and new_rows <> '{}') then
    select m.old_rows, m.new_rows into old_rows, new_rows
    from ledger.match_rows(old_rows, new_rows, c_keys, c_needed, c_tenant, is_mixed) as m;
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
      nullif(arguments[6], '')::boolean
    );
  end loop;
end
$$;

comment on function ledger.capture_batch(text[], jsonb[], jsonb[], boolean) is
  'Part of capture_changes(): emits any number of changes.';
