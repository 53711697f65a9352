-- Objects of the ledger that do not belong to its own roles.
create or replace function ledger_guard.ownership_findings()
returns table (object text, owner name, wanted text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with objects as (
    select
      format('table %s', c.oid::regclass) as object, c.relowner as owner, n.nspname as schema_name,
      false as is_function
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('ledger', 'ledger_guard')
      and c.relkind in ('r', 'p', 'v', 'm', 'S')
      and c.relname <> 'alembic_version'
    union all
    select format('function %s', p.oid::regprocedure), p.proowner, n.nspname, true
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname in ('ledger', 'ledger_guard')
    union all
    select format('schema %I', n.nspname), n.nspowner, n.nspname, false
    from pg_namespace as n
    where n.nspname in ('ledger', 'ledger_guard')
  )
  select o.object, pg_get_userbyid(o.owner), w.wanted
  from objects as o
  cross join lateral (
    select case
      when o.schema_name = 'ledger_guard' then 'ledger_guard'
      when o.is_function then 'ledger_owner or ledger_append or ledger_sandbox or ledger_capture'
      else 'ledger_owner'
    end as wanted
  ) as w
  where pg_get_userbyid(o.owner) <> all(string_to_array(w.wanted, ' or '))
$$;

comment on function ledger_guard.ownership_findings() is
  'Objects of the ledger whose owner is not the ledger''s.';
