-- A tenant's counts in a time, by value; `tail` is what tail_counts() gave, which is added.
create or replace function ledger.counts_between(
  tenant_id text,
  dimension text,
  from_time timestamptz,
  to_time timestamptz,
  tail ledger.event_counts[]
)
returns table (value text, events bigint, payload_bytes bigint)
language sql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
  select c.value, sum(c.events)::bigint, sum(c.payload_bytes)::bigint
  from ledger.count_ranges(
    counts_between.dimension, counts_between.from_time, counts_between.to_time
  ) as r
  cross join lateral (
    select o.value, o.events, o.payload_bytes
    from ledger.event_counts as o
    where o.tenant_id = counts_between.tenant_id
      and o.dimension = counts_between.dimension
      and o.period = r.period
      and o.period_start >= r.range_start
      and o.period_start < r.range_end
    union all
    select t.value, t.events, t.payload_bytes
    from unnest(counts_between.tail) as t
    where t.dimension = counts_between.dimension
      and t.period = r.period
      and t.period_start >= r.range_start
      and t.period_start < r.range_end
  ) as c
  group by c.value
$$;

comment on function ledger.counts_between(
  text, text, timestamptz, timestamptz, ledger.event_counts[]
) is
  'Part of stats(): a tenant''s events in a time, by type, outcome or actor.';
