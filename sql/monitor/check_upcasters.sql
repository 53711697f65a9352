-- doctor(): upcasters whose function is gone, or is another one than was tried.
create or replace function ledger.check_upcasters()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    'error',
    'upcaster missing',
    format('%s version %s', u.event_type, u.from_version),
    format('%s does not exist: reading these events with upcast => true fails.', u.upcaster),
    format(
      'Create it again, or: select ledger.drop_upcaster(%L, %s);', u.event_type, u.from_version
    )
  from ledger.upcasters as u
  where ledger.find_function(u.upcaster, array['jsonb'::regtype]) is null
  union all
  select
    'warning',
    'upcaster changed',
    format('%s version %s', u.event_type, u.from_version),
    format('%s is not what was tried when it was registered.', u.upcaster),
    format(
      'Have it tried again: select ledger.register_upcaster(%L, %s, %L);',
      u.event_type, u.from_version, u.upcaster
    )
  from ledger.upcasters as u
  where u.fingerprint
    <> ledger.function_fingerprint(ledger.find_function(u.upcaster, array['jsonb'::regtype]))
$$;

comment on function ledger.check_upcasters() is
  'The part of doctor() about the functions that lift old payloads.';
