-- Raises LG008 when an active hold covers any of the events (as held_by() takes them); call it
-- before anything is erased or dropped, in the same transaction. Locks the tenant's holds until the
-- transaction ends, so that none is placed in between.
create or replace function ledger.require_no_hold(
  event_ids uuid[] default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  tenant_id text default null
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(require_no_hold.tenant_id, ledger.setting('tenant_id'), 'default');
  v_hold ledger.legal_holds;
begin
  perform ledger.lock_holds(v_tenant_id);
  select h.* into v_hold
  from ledger.held_by(
    require_no_hold.event_ids, require_no_hold.from_time, require_no_hold.to_time, v_tenant_id
  ) as h
  limit 1;
  if found then
    perform ledger.refuse_held(v_hold);
  end if;
end
$$;

comment on function ledger.require_no_hold(uuid[], timestamptz, timestamptz, text) is
  'Raises LG008 when an active legal hold covers any of the events; none is placed until the '
  'transaction ends.';
