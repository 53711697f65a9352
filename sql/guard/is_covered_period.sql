-- Whether an object is ledger.covered_period() and still nothing but a constant. Making partitions
-- rewrites it, and emit_event() runs it as ledger_append: no other code may get in that way.
create or replace function ledger_guard.is_covered_period(classid oid, objid oid)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select is_covered_period.classid = 'pg_proc'::regclass and exists (
    select
    from pg_proc as p
    where p.oid = is_covered_period.objid
      and p.oid = to_regprocedure('ledger.covered_period()')
      and p.provolatile = 'i'
      and not p.prosecdef
      and p.proconfig is null
      and pg_get_function_sqlbody(p.oid) ~ (
        '^RETURN tstzrange\(''[-0-9 :+]+''::timestamp with time zone, '
        || '''[-0-9 :+]+''::timestamp with time zone\)$'
      )
  )
$$;

comment on function ledger_guard.is_covered_period(oid, oid) is
  'Whether an object is ledger.covered_period() with a constant for a body.';
