-- doctor(): who could do more than the functions allow.
create or replace function ledger.check_roles()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with version as (select current_setting('server_version_num')::int >= 160000 as has_set_option),
  people as (
    select r.* from pg_roles as r
    where not r.rolsuper
      and r.rolname not in (
        'ledger_owner', 'ledger_append', 'ledger_guard', 'ledger_sandbox', 'ledger_capture'
      )
  )
  select
    'error',
    'member of ' || g.role_name,
    r.rolname::text,
    format('It can act as %s and so %s.', g.role_name, g.power),
    format('revoke %I from %I;', g.role_name, r.rolname)
  from version as v
  cross join (values
    ('ledger_append', 'forge events'),
    ('ledger_guard', 'replace guards'),
    ('ledger_sandbox', 'replace what runs reducers'),
    ('ledger_capture', 'replace what captures changes')
  ) as g (role_name, power)
  join people as r
    on pg_has_role(
      r.oid, g.role_name, case when v.has_set_option then 'set, usage' else 'member' end
    )
  union all
  select
    'info',
    'administrator of ' || g.role_name,
    pg_get_userbyid(m.member)::text,
    'It may grant the role, also to itself (who creates a role may, from PostgreSQL 16 on).',
    'Keep its login for upgrades.'
  from (values
    ('ledger_append'), ('ledger_guard'), ('ledger_sandbox'), ('ledger_capture')
  ) as g (role_name)
  join pg_auth_members as m on m.roleid = to_regrole(g.role_name) and m.admin_option
  join people as r on r.oid = m.member
  union all
  select
    case when pg_has_role(r.oid, 'ledger_owner', 'member') then 'info' else 'warning' end,
    'CREATEROLE',
    r.rolname::text,
    'Before PostgreSQL 16 it can grant itself any role that is no superuser, ledger_append '
    'included.',
    format('alter role %I nocreaterole; or upgrade to PostgreSQL 16 or later.', r.rolname)
  from version as v
  join people as r on r.rolcreaterole and not v.has_set_option
  union all
  select
    'warning',
    'BYPASSRLS',
    r.rolname::text,
    'It reads every tenant of the tables it may select from.',
    format('alter role %I nobypassrls;', r.rolname)
  from people as r
  where r.rolbypassrls and has_schema_privilege(r.oid, 'ledger', 'usage')
  union all
  select
    'error',
    'owner',
    o.object,
    format('It belongs to %s, not to %s.', o.owner, o.wanted),
    'Install the ledger''s grants again.'
  from ledger_guard.ownership_findings() as o
  union all
  select
    'error',
    'search_path',
    p.oid::regprocedure::text,
    'A SECURITY DEFINER function without a search_path of its own can be hijacked.',
    format('alter function %s set search_path = pg_catalog, pg_temp;', p.oid::regprocedure)
  from pg_proc as p
  where p.pronamespace in (to_regnamespace('ledger'), to_regnamespace('ledger_guard'))
    and p.prosecdef
    and not coalesce('search_path=pg_catalog, pg_temp' = any(p.proconfig), false)
$$;

comment on function ledger.check_roles() is 'The part of doctor() about roles and owners.';
