-- Lets one transaction at a time place a hold, erase or drop, per tenant: whichever commits first
-- has won, and the other sees it. Locks the tenant's holds until the transaction ends; emitting and
-- reading do not wait. What was placed meanwhile only a new snapshot shows, hence READ COMMITTED.
create or replace function ledger.lock_holds(tenant_id text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.require_read_committed('whatever holds or erases');
  perform pg_advisory_xact_lock(hashtextextended(lock_holds.tenant_id, 7306));
end
$$;

comment on function ledger.lock_holds(text) is
  'Part of place_hold(), erase_private() and whatever drops events: one at a time per tenant.';
