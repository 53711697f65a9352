-- Positions as JSON lists them: first and last of each run, both included.
create or replace function ledger.range_list(ranges int8multirange)
returns jsonb
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(jsonb_build_array(lower(r), upper(r) - 1) order by lower(r)), '[]')
  from unnest(range_list.ranges) as r
$$;

comment on function ledger.range_list(int8multirange) is
  'Positions as a cold file''s manifest lists them: [[first, last], ...], both included.';
