-- Registers the function that lifts payloads of a version to the next. Locks the type's row, so that
-- two registrations queue up; emitting and reading go on.
create or replace function ledger.register_upcaster(
  event_type text,
  from_version int,
  upcaster text,
  replace boolean default false
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_signature text;
  v_fingerprint text;
  v_present ledger.upcasters;
begin
  perform ledger.require_registrar(event_type);
  perform ledger.require_tenant('*', 'register');
  if register_upcaster.from_version is null then
    raise exception using errcode = 'LG009', message = 'from_version is missing';
  end if;
  perform ledger.find_event_type(register_upcaster.event_type, v.version, null)
  from (
    values (register_upcaster.from_version), (register_upcaster.from_version + 1)
  ) as v (version);
  v_signature := ledger.check_pure_function(
    register_upcaster.upcaster, array['jsonb'::regtype], 'jsonb'
  );
  v_fingerprint := ledger.function_fingerprint(
    ledger.find_function(v_signature, array['jsonb'::regtype])
  );

  perform
  from ledger.event_types as t
  where t.event_type = register_upcaster.event_type
  for update;
  select u.* into v_present
  from ledger.upcasters as u
  where u.event_type = register_upcaster.event_type
    and u.from_version = register_upcaster.from_version;
  if v_present.upcaster = v_signature and v_present.fingerprint = v_fingerprint then
    return false;
  elsif v_present.upcaster <> v_signature and register_upcaster.replace is not true then
    raise exception using
      errcode = 'LG011',
      message = format(
        '%s version %s has the upcaster %s', event_type, from_version, v_present.upcaster
      ),
      hint = 'To replace it: replace => true.';
  end if;

  perform ledger.try_upcaster(event_type, from_version, v_signature);
  insert into ledger.upcasters (event_type, from_version, upcaster, fingerprint, registered_by)
  values (
    register_upcaster.event_type,
    register_upcaster.from_version,
    v_signature,
    v_fingerprint,
    ledger.caller()
  )
  on conflict on constraint upcasters_pkey do update
  set
    upcaster = excluded.upcaster,
    fingerprint = excluded.fingerprint,
    registered_at = clock_timestamp(),
    registered_by = excluded.registered_by;
  return true;
end
$$;

comment on function ledger.register_upcaster(text, int, text, boolean) is
  'Registers the function (payload jsonb) returns jsonb, IMMUTABLE, named with its schema, that '
  'lifts payloads of a version to the next, after trying it on examples and events (LG011); false '
  'when it is registered already. replace => true puts it in the place of another one. For '
  'registrars of every tenant.';
