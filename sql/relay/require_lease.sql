-- The cursor, locked, of a lease that still holds: nobody else has claimed it since. That its time is
-- over does no harm as long as nobody did.
create or replace function ledger.require_lease(relay text, token bigint, tenant_id text)
returns ledger.relay_cursors
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_cursor ledger.relay_cursors;
begin
  select c.* into v_cursor
  from ledger.relay_cursors as c
  where c.tenant_id = require_lease.tenant_id and c.relay = require_lease.relay
  for update;
  if v_cursor.token = require_lease.token and v_cursor.leased_until is not null then
    return v_cursor;
  end if;
  perform ledger.refuse_lease(require_lease.relay, require_lease.token, v_cursor);
  return null;
end
$$;

comment on function ledger.require_lease(text, bigint, text) is
  'Part of the relay: the cursor of a lease, locked; LG014 when the lease is lost.';
