-- Events per day, by when they were emitted, in UTC.
create or replace view ledger.events_per_day
with (security_barrier = true, security_invoker = true) as
select
  c.tenant_id,
  (c.period_start at time zone 'UTC')::date as day,
  sum(c.events)::bigint as events,
  coalesce(sum(c.events) filter (where c.value = 'failure'), 0)::bigint as failures,
  sum(c.payload_bytes)::bigint as payload_bytes
from ledger.counts as c
where c.dimension = 'outcome' and c.period = 'day'
group by c.tenant_id, c.period_start;

comment on view ledger.events_per_day is
  'Events per tenant and day (UTC), and how many of them have the outcome failure; days without any '
  'are left out.';
