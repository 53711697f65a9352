-- upcast_event() for a row of the log.
create or replace function ledger.upcast_entry(entry ledger.log)
returns ledger.log
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select
    from ledger.upcasters as u
    where u.event_type = entry.event_type and u.from_version = entry.schema_version
  ) then
    select u.schema_version, u.payload
    into entry.schema_version, entry.payload
    from ledger.upcast_payload(
      entry.event_type, entry.schema_version, entry.payload, entry.id
    ) as u;
  end if;
  return entry;
end
$$;

comment on function ledger.upcast_entry(ledger.log) is
  'Part of read_log(): a row of the log with its payload lifted to the current version of its type.';
