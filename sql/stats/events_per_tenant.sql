-- How large each tenant is, for the tenants that you may read or operate. events is exact as of the
-- last seal; payload_bytes is as fresh as the counts.
create or replace view ledger.events_per_tenant
with (security_barrier = true) as
select
  h.tenant_id,
  h.tree_size as events,
  h.tree_size / nullif(sum(h.tree_size) over (), 0) as share,
  coalesce(c.payload_bytes, 0) as payload_bytes,
  h.sealed_at as last_sealed_at,
  coalesce(t.position, -1) as counted_through,
  t.counted_at,
  h.tree_size - 1 - coalesce(t.position, -1) as uncounted,
  coalesce(t.skipped, 0) as skipped
from ledger.log_heads as h
left join ledger.count_cursors as t on t.tenant_id = h.tenant_id
left join (
  select o.tenant_id, sum(o.payload_bytes)::bigint as payload_bytes
  from ledger.event_counts as o
  where o.dimension = 'outcome' and o.period = 'all'
  group by o.tenant_id
) as c on c.tenant_id = h.tenant_id
where (
  h.tenant_id = any((select ledger.permitted_for_any('{read,operate}'))::text[])
  or '*' = any((select ledger.permitted_for_any('{read,operate}'))::text[])
);

comment on view ledger.events_per_tenant is
  'Sealed events per tenant, their share of all that you may see, and how far they are counted: '
  'uncounted ones are not in payload_bytes, skipped ones (in cold files when their turn came) never.';
