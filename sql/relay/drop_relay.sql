-- Forgets a relay: its cursors, what it parked and its history, for all tenants. Nothing waits for it
-- any longer. Workers that hold a lease get LG014. Locks its cursors.
create or replace function ledger.drop_relay(relay text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform ledger.require_tenant('*', 'operate');
  delete from ledger.relays as r where r.relay = drop_relay.relay;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format('there is no relay %s', coalesce(quote_literal(drop_relay.relay), 'NULL')),
      hint = 'select * from ledger.relay_status;';
  end if;
  delete from ledger.relay_cursors as c where c.relay = drop_relay.relay;
  delete from ledger.relay_parked as p where p.relay = drop_relay.relay;
  delete from ledger.relay_confirmations as f where f.relay = drop_relay.relay;
end
$$;

comment on function ledger.drop_relay(text) is
  'Forgets a relay and where it stood, for all tenants; it begins anew when it claims again. For '
  'operators of every tenant.';
