-- Why a function cannot be a reducer, as far as the catalog tells; NULL when it can. What a function
-- in PL/pgSQL calls the catalog does not know: it runs as ledger_sandbox, which may do nothing.
create or replace function ledger.reducer_problem(reducer regprocedure)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p.prokind <> 'f' or p.proretset
      or p.proargtypes <> format('%s %s', 'jsonb'::regtype::oid, 'ledger.events'::regtype::oid)::oidvector
      or p.prorettype <> 'jsonb'::regtype
      then 'It is not (state jsonb, event ledger.events) returns jsonb.'
    when p.provolatile <> 'i' then 'It is not declared IMMUTABLE.'
    when p.prosecdef then 'It is SECURITY DEFINER.'
    when not has_schema_privilege('ledger_sandbox', p.pronamespace, 'usage')
      or not has_function_privilege('ledger_sandbox', p.oid, 'execute')
      then 'ledger_sandbox, which runs it, may not.'
    else (
      select format('It uses %s.', min(pg_describe_object(d.refclassid, d.refobjid, 0)))
      from pg_depend as d
      left join pg_operator as o
        on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
      left join pg_proc as f
        on (d.refclassid = 'pg_proc'::regclass and f.oid = d.refobjid) or f.oid = o.oprcode
      left join pg_class as c
        on d.refclassid = 'pg_class'::regclass and c.oid = d.refobjid and c.relkind <> 'c'
      where d.classid = 'pg_proc'::regclass
        and d.objid = p.oid
        and p.prosqlbody is not null
        and d.refobjid <> 'ledger.events'::regclass
        and (f.provolatile <> 'i' or c.oid is not null)
      having count(*) > 0
    )
  end
  from pg_proc as p
  where p.oid = reducer_problem.reducer
$$;

comment on function ledger.reducer_problem(regprocedure) is
  'Part of register_reducer(): why a function cannot be a reducer, NULL when it can.';
