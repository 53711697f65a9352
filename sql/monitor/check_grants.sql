-- doctor(): privileges that grants.sql did not give: on functions, tables, columns and schemas.
create or replace function ledger.check_grants()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    'warning',
    case when a.grantee = 0 then 'granted to PUBLIC' else 'granted to another role' end,
    format('function %s', p.oid::regprocedure),
    format(
      '%s may execute it.',
      case when a.grantee = 0 then 'Every role' else pg_get_userbyid(a.grantee)::text end
    ),
    format(
      'revoke execute on routine %s from %s; access is given with ledger.grant_access().',
      p.oid::regprocedure,
      case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    )
  from pg_proc as p
  cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
  where p.pronamespace in (to_regnamespace('ledger'), to_regnamespace('ledger_guard'))
    and a.grantee <> p.proowner
    and pg_get_userbyid(a.grantee) not in (
      'ledger_owner', 'ledger_append', 'ledger_guard', 'ledger_sandbox', 'ledger_capture',
      'ledger_writer',
      'ledger_reader', 'ledger_relay', 'ledger_consumer', 'ledger_operator', 'ledger_privacy',
      'ledger_auditor', 'ledger_registrar'
    )
  group by p.oid, a.grantee
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
    -- A partition that is being restored, which check_cold() reports.
    and not (
      a.grantee = to_regrole('ledger_operator')::oid
      and a.privilege_type = 'INSERT'
      and c.relname in (
        select p.partition_name from ledger.partitions as p where p.tier in ('cold', 'dropped')
      )
    )
  group by c.oid, a.grantee
  union all
  select
    case when 'SELECT' = all(array_agg(a.privilege_type)) then 'warning' else 'error' end,
    'column privilege',
    format('column %s.%I', c.oid::regclass, t.attname),
    format(
      '%s may %s it directly.',
      case when a.grantee = 0 then 'Every role' else pg_get_userbyid(a.grantee)::text end,
      string_agg(a.privilege_type, ', ')
    ),
    format(
      'revoke all (%I) on %s from %s;',
      t.attname,
      c.oid::regclass,
      case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    )
  from pg_attribute as t
  join pg_class as c on c.oid = t.attrelid
  cross join lateral aclexplode(t.attacl) as a
  where c.relnamespace in (to_regnamespace('ledger'), to_regnamespace('ledger_guard'))
    and not t.attisdropped
    and c.relname <> 'alembic_version'
    and a.grantee <> c.relowner
  group by c.oid, t.attname, a.grantee
  union all
  select
    'error',
    'CREATE privilege',
    format('schema %I', n.nspname),
    format(
      '%s may create objects in it.',
      case when a.grantee = 0 then 'Every role' else pg_get_userbyid(a.grantee)::text end
    ),
    format(
      'revoke create on schema %I from %s;',
      n.nspname,
      case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    )
  from pg_namespace as n
  cross join lateral aclexplode(n.nspacl) as a
  where n.nspname in ('ledger', 'ledger_guard')
    and a.privilege_type = 'CREATE'
    and a.grantee <> n.nspowner
  group by n.oid, n.nspname, a.grantee
$$;

comment on function ledger.check_grants() is
  'The part of doctor() about privileges that the ledger did not grant.';
