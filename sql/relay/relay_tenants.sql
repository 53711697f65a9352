-- Which tenants each relay serves, and where it stands: those it has a cursor for and, where it serves
-- all, those that nobody has claimed yet.
create or replace view ledger.relay_tenants as
select
  r.relay, h.tenant_id, h.tree_size, coalesce(c.position, -1) as position, c.leased_by,
  c.leased_until, c.claimed_at, c.confirmed_at
from ledger.relays as r
cross join ledger.log_heads as h
left join ledger.relay_cursors as c on c.tenant_id = h.tenant_id and c.relay = r.relay
where r.is_for_all or c.tenant_id is not null;

comment on view ledger.relay_tenants is
  'Part of relay_status and of purging: every relay and tenant that it serves, and the position '
  'it reached.';
