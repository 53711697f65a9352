-- Who did how much.
create or replace view ledger.events_per_actor
with (security_barrier = true, security_invoker = true) as
select
  c.tenant_id,
  nullif(split_part(c.value, ':', 1), '') as actor_type,
  nullif(substr(c.value, strpos(c.value, ':') + 1), '') as actor_id,
  sum(c.events)::bigint as events,
  sum(c.events) / sum(sum(c.events)) over (partition by c.tenant_id) as share,
  sum(c.payload_bytes)::bigint as payload_bytes
from ledger.counts as c
where c.dimension = 'actor' and c.period = 'all'
group by c.tenant_id, c.value;

comment on view ledger.events_per_actor is
  'Events per tenant and actor, NULL for those without, and their share of the tenant''s.';
