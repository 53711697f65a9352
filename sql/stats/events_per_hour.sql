-- Events per hour, by when they were emitted.
create or replace view ledger.events_per_hour
with (security_barrier = true, security_invoker = true) as
select
  c.tenant_id,
  c.period_start as hour,
  sum(c.events)::bigint as events,
  coalesce(sum(c.events) filter (where c.value = 'failure'), 0)::bigint as failures,
  sum(c.payload_bytes)::bigint as payload_bytes
from ledger.counts as c
where c.dimension = 'outcome' and c.period = 'hour'
group by c.tenant_id, c.period_start;

comment on view ledger.events_per_hour is
  'Events per tenant and hour (UTC), and how many of them have the outcome failure; hours without '
  'any are left out.';
