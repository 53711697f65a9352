-- doctor(): privileges that grants.sql did not give.
create or replace function ledger.check_grants()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    'warning', 'granted to PUBLIC', format('function %s', p.oid::regprocedure),
    'Every role of the database may execute it.',
    format('revoke execute on function %s from public;', p.oid::regprocedure)
  from pg_proc as p
  where p.pronamespace in (to_regnamespace('ledger'), to_regnamespace('ledger_guard'))
    and exists (
      select
      from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
      where a.grantee = 0
    )
  union all
  select
    case when a.grantee = 0 then 'warning' else 'error' end,
    case when a.grantee = 0 then 'granted to PUBLIC' else 'write privilege' end,
    format('table %s', c.oid::regclass),
    format(
      '%s may %s directly.',
      case when a.grantee = 0 then 'Every role' else pg_get_userbyid(a.grantee)::text end,
      string_agg(a.privilege_type, ', ')
    ),
    format(
      'revoke %s on %s from %s;',
      string_agg(a.privilege_type, ', '),
      c.oid::regclass,
      case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    )
  from pg_class as c
  cross join lateral aclexplode(c.relacl) as a
  where c.relnamespace in (to_regnamespace('ledger'), to_regnamespace('ledger_guard'))
    and c.relname <> 'alembic_version'
    and a.grantee not in (
      c.relowner,
      to_regrole('ledger_append')::oid,
      to_regrole('ledger_owner')::oid,
      to_regrole('ledger_guard')::oid
    )
    and (a.grantee = 0 or a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER'))
  group by c.oid, a.grantee
$$;

comment on function ledger.check_grants() is
  'The part of doctor() about privileges that the ledger did not grant.';
