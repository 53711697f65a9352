-- Positions from what range_list() made of them; NULL for a run that ends before it begins.
create or replace function ledger.listed_ranges(ranges jsonb)
returns int8multirange
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when bool_and(r.first_position <= r.last_position)
      then range_agg(case
        when r.first_position <= r.last_position
          then int8range(r.first_position, r.last_position, '[]')
      end)
  end
  from (
    select (r ->> 0)::numeric::bigint as first_position, (r ->> 1)::numeric::bigint as last_position
    from jsonb_array_elements(listed_ranges.ranges) as r
  ) as r
$$;

comment on function ledger.listed_ranges(jsonb) is
  'Positions from a manifest''s list of runs, [[first, last], ...], both included.';
