-- Why a function cannot be a reducer, as far as the catalog tells; NULL when it can.
create or replace function ledger.reducer_problem(function_id oid)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p.prokind <> 'f' or p.proretset or p.prorettype <> 'jsonb'::regtype
      then 'It is no function that returns jsonb.'
    when p.provolatile <> 'i' then 'It is not declared IMMUTABLE.'
    when p.prosecdef then 'It is SECURITY DEFINER.'
    when not has_schema_privilege('ledger_sandbox', p.pronamespace, 'usage')
      or not has_function_privilege('ledger_sandbox', p.oid, 'execute')
      then 'ledger_sandbox, which runs it, may not.'
    else 'It uses ' || ledger.impure_part(p.oid) || '.'
  end
  from pg_proc as p
  where p.oid = reducer_problem.function_id
$$;

comment on function ledger.reducer_problem(oid) is
  'Part of register_reducer(): why a function cannot be a reducer, NULL when it can.';
