create or replace function ledger.drop_upcaster(event_type text, from_version int)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.require_registrar(event_type);
  perform ledger.require_tenant('*', 'register');
  delete from ledger.upcasters as u
  where u.event_type = drop_upcaster.event_type and u.from_version = drop_upcaster.from_version;
  return found;
end
$$;

comment on function ledger.drop_upcaster(text, int) is
  'Forgets the upcaster of a version: events of it, and of those before it, are lifted no further; '
  'false when there is none. For registrars of every tenant.';
