-- An event as if it had been emitted under the current version of its type: payload and
-- schema_version change, and nothing else. So hash does not cover that payload; it stays the hash of
-- what was emitted. An event that is current costs one look at the index.
create or replace function ledger.upcast_event(event ledger.events)
returns ledger.events
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select
    from ledger.upcasters as u
    where u.event_type = event.event_type and u.from_version = event.schema_version
  ) then
    select u.schema_version, u.payload
    into event.schema_version, event.payload
    from ledger.upcast_payload(
      event.event_type, event.schema_version, event.payload, event.id
    ) as u;
  end if;
  return event;
end
$$;

comment on function ledger.upcast_event(ledger.events) is
  'The event with its payload lifted to the current version of its type; hash stays that of the '
  'payload as it was emitted.';
