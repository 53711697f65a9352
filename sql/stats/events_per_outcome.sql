-- How things went.
create or replace view ledger.events_per_outcome
with (security_barrier = true, security_invoker = true) as
select
  c.tenant_id,
  nullif(c.value, '') as outcome,
  sum(c.events)::bigint as events,
  sum(c.events) / sum(sum(c.events)) over (partition by c.tenant_id) as share,
  sum(c.payload_bytes)::bigint as payload_bytes
from ledger.counts as c
where c.dimension = 'outcome' and c.period = 'all'
group by c.tenant_id, c.value;

comment on view ledger.events_per_outcome is
  'Events per tenant and outcome, NULL for those without, and their share of the tenant''s.';
