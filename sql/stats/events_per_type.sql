-- The distribution of event types.
create or replace view ledger.events_per_type
with (security_barrier = true, security_invoker = true) as
select
  c.tenant_id,
  c.value as event_type,
  sum(c.events)::bigint as events,
  sum(c.events) / sum(sum(c.events)) over (partition by c.tenant_id) as share,
  sum(c.payload_bytes)::bigint as payload_bytes
from ledger.counts as c
where c.dimension = 'type' and c.period = 'all'
group by c.tenant_id, c.value;

comment on view ledger.events_per_type is
  'Events per tenant and type, and their share of the tenant''s: select * from '
  'ledger.events_per_type order by events desc;';
