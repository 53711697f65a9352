-- Defaults, constraints, indexes, policies and column types of the ledger's tables that use
-- functions, operators or types which are not built in: such code would run as ledger_append with
-- every event. The policies' own function is the exception. For these tables, or for all.
create or replace function ledger_guard.foreign_code(targets oid[] default null)
returns table (target regclass, part text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with tables as (
    select c.oid
    from pg_class as c
    where c.relnamespace in (to_regnamespace('ledger'), to_regnamespace('ledger_guard'))
      and c.relkind in ('r', 'p')
      and foreign_code.targets is null
    union
    select p.target from ledger_guard.protected_tables as p
    where foreign_code.targets is null
    union
    select t.oid from unnest(foreign_code.targets) as t (oid)
  ),
  parts (target, classid, objid) as (
    select t.oid, 'pg_class'::regclass, t.oid
    from tables as t
    union all
    select a.adrelid, 'pg_attrdef'::regclass, a.oid
    from pg_attrdef as a
    join tables as t on t.oid = a.adrelid
    union all
    select c.conrelid, 'pg_constraint'::regclass, c.oid
    from pg_constraint as c
    join tables as t on t.oid = c.conrelid
    union all
    select i.indrelid, 'pg_class'::regclass, i.indexrelid
    from pg_index as i
    join tables as t on t.oid = i.indrelid
    union all
    select p.polrelid, 'pg_policy'::regclass, p.oid
    from pg_policy as p
    join tables as t on t.oid = p.polrelid
  )
  select p.target::regclass, pg_describe_object(p.classid, p.objid, 0)
  from parts as p
  join pg_depend as d on d.classid = p.classid and d.objid = p.objid
  where d.refclassid in (
      'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_type'::regclass
    )
    and d.deptype = 'n'
    and not (
      p.classid = 'pg_policy'::regclass
      and d.refclassid = 'pg_proc'::regclass
      and d.refobjid = to_regprocedure('ledger.permitted_tenants(text)')
    )
$$;

comment on function ledger_guard.foreign_code(oid[]) is
  'Parts of the ledger''s tables that run code which is not built in.';
