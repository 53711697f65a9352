-- The 20 most frequent values of all time, whatever their number: the index gives those of what is
-- counted, and only a value of the tail can outdo them.
create or replace function ledger.top_counts(
  tenant_id text,
  dimension text,
  tail ledger.event_counts[]
)
returns table (value text, events bigint)
language sql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
  with added as materialized (
    select t.value, t.events
    from unnest(top_counts.tail) as t
    where t.dimension = top_counts.dimension and t.period = 'all'
  ),
  candidates as (
    (
      select c.value
      from ledger.event_counts as c
      where c.tenant_id = top_counts.tenant_id
        and c.dimension = top_counts.dimension
        and c.period = 'all'
      order by c.events desc
      limit 20
    )
    union
    select a.value from added as a
  )
  select n.value, coalesce(c.events, 0) + coalesce(a.events, 0) as events
  from candidates as n
  left join added as a on a.value = n.value
  left join ledger.event_counts as c
    on c.tenant_id = top_counts.tenant_id
    and c.dimension = top_counts.dimension
    and c.period = 'all'
    and c.period_start = '-infinity'
    and c.value = n.value
  order by events desc, n.value
  limit 20
$$;

comment on function ledger.top_counts(text, text, ledger.event_counts[]) is
  'Part of stats(): the 20 most frequent types, outcomes or actors of a tenant.';
