-- metrics(): events by tenant, type and outcome, sealing, counting, proofs. Values are few: the largest
-- tenants by name and the others together, types that are registered and the others together.
create or replace function ledger.metrics_of_events(max_tenants int)
returns table (name text, labels jsonb, value double precision)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with heads as (
    select
      h.tree_size,
      h.tree_size - 1 - coalesce(c.position, -1) as uncounted,
      coalesce(c.skipped, 0) as skipped,
      case
        when row_number() over (order by h.tree_size desc, h.tenant_id)
          <= metrics_of_events.max_tenants then h.tenant_id
        else ''
      end as tenant
    from ledger.log_heads as h
    left join ledger.count_cursors as c on c.tenant_id = h.tenant_id
  ),
  counted as (
    select c.dimension, coalesce(t.event_type, case c.dimension when 'outcome' then c.value end, '')
      as value, sum(c.events) as events, sum(c.payload_bytes) as payload_bytes
    from ledger.event_counts as c
    left join ledger.event_types as t on c.dimension = 'type' and t.event_type = c.value
    where c.dimension in ('type', 'outcome') and c.period = 'all'
    group by 1, 2
  ),
  lag as materialized (
    select coalesce(sum(l.unsealed), 0) as unsealed, min(l.oldest_at) as oldest_at
    from ledger.seal_lag() as l
  )
  select 'events_total', jsonb_build_object('tenant_id', h.tenant), sum(h.tree_size)
  from heads as h
  group by h.tenant
  union all
  select 'events_by_type_total', jsonb_build_object('event_type', c.value), c.events
  from counted as c
  where c.dimension = 'type'
  union all
  select 'events_by_outcome_total', jsonb_build_object('outcome', c.value), c.events
  from counted as c
  where c.dimension = 'outcome'
  union all
  select 'payload_bytes_total', '{}', coalesce(sum(c.payload_bytes), 0)
  from counted as c
  where c.dimension = 'outcome'
  union all
  select m.name, '{}', m.value
  from (select sum(h.uncounted) as uncounted, sum(h.skipped) as skipped from heads as h) as h
  cross join lag as l
  cross join lateral (values
    ('uncounted_events', coalesce(h.uncounted, 0)),
    ('count_skipped_events', coalesce(h.skipped, 0)),
    ('unsealed_events', l.unsealed),
    ('seal_lag_seconds', coalesce(extract(epoch from clock_timestamp() - l.oldest_at), 0))
  ) as m (name, value)
$$;

comment on function ledger.metrics_of_events(int) is
  'Part of metrics(): events, sealing and counting.';
