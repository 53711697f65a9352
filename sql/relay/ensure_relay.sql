-- Makes a relay with its first claim. That it serves every tenant, also those that are still to come,
-- is noted: their messages must not be purged before it had them.
create or replace function ledger.ensure_relay(relay text, is_for_all boolean)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if exists (
    select from ledger.relays as r
    where r.relay = ensure_relay.relay and (r.is_for_all or not ensure_relay.is_for_all)
  ) then
    return;
  end if;
  insert into ledger.relays as r (relay, is_for_all, created_by)
  values (ensure_relay.relay, ensure_relay.is_for_all, ledger.caller())
  on conflict (relay) do update set is_for_all = r.is_for_all or excluded.is_for_all;
end
$$;

comment on function ledger.ensure_relay(text, boolean) is
  'Part of claim_outbox(): makes a relay that is not there yet.';
