-- The rows of event_counts that make up a time, as few as can be: all of them, or whole days with the
-- hours before and after them. NULL is open. Actors have no hours: their time is made whole days.
create or replace function ledger.count_ranges(
  dimension text,
  from_time timestamptz,
  to_time timestamptz
)
returns table (period text, range_start timestamptz, range_end timestamptz)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  with unit as (
    select case count_ranges.dimension when 'actor' then 'day' else 'hour' end as name
  ),
  rounded as (
    select
      coalesce(date_trunc(u.name, count_ranges.from_time, 'UTC'), '-infinity') as first,
      coalesce(
        date_trunc(
          u.name, count_ranges.to_time + ('1 ' || u.name)::interval - interval '1 us', 'UTC'
        ),
        'infinity'
      ) as last
    from unit as u
  ),
  days as (
    select
      r.first,
      r.last,
      date_trunc('day', r.first + interval '1 day' - interval '1 us', 'UTC') as first_day,
      date_trunc('day', r.last, 'UTC') as last_day
    from rounded as r
  )
  select r.period, r.range_start, r.range_end
  from days as d
  cross join lateral (values
    ('day', d.first_day, d.last_day),
    ('hour', d.first, least(d.first_day, d.last)),
    ('hour', greatest(d.last_day, d.first_day), d.last)
  ) as r (period, range_start, range_end)
  where num_nonnulls(count_ranges.from_time, count_ranges.to_time) > 0
    and r.range_start < r.range_end
  union all
  select 'all', '-infinity', 'infinity'
  where num_nonnulls(count_ranges.from_time, count_ranges.to_time) = 0
$$;

comment on function ledger.count_ranges(text, timestamptz, timestamptz) is
  'Part of stats(): the periods of ledger.event_counts that make up a time.';
