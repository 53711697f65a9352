-- Whether a user's function may be registered to be run by the ledger: it can only compute, as it is
-- IMMUTABLE and runs as ledger_sandbox. Returns how to call it, for to_regprocedure().
create or replace function ledger.check_pure_function(
  function_name text,
  argument_types regtype[],
  result_type regtype
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_oid oid := ledger.find_function(function_name, argument_types);
  v_arguments text := array_to_string(argument_types, ', ');
  v_function pg_proc;
  v_schema text;
  v_signature text;
  v_problem text;
begin
  select p.* into v_function from pg_proc as p where p.oid = v_oid;
  v_schema := coalesce(v_function.pronamespace::regnamespace::text, 'app');
  v_signature := case
    when v_oid is null then format('%s(%s)', split_part(function_name, '(', 1), v_arguments)
    else format('%s.%I(%s)', v_schema, v_function.proname, v_arguments)
  end;
  v_problem := case
    when v_oid is null
      then format('there is no function %s', v_signature)
    when v_function.prokind <> 'f' or v_function.proretset
      then format('%s is no plain function', v_signature)
    when v_function.prorettype <> result_type
      then format(
        '%s returns %s and not %s', v_signature, v_function.prorettype::regtype, result_type
      )
    when v_function.provolatile <> 'i'
      then format('%s is not declared IMMUTABLE', v_signature)
    when v_function.prosecdef
      then format('%s is SECURITY DEFINER: it would run with its owner''s privileges', v_signature)
    when not has_schema_privilege('ledger_sandbox', v_function.pronamespace, 'usage')
      or not has_function_privilege('ledger_sandbox', v_oid, 'execute')
      then format('ledger_sandbox, which runs it, may not execute %s', v_signature)
    when ledger.impure_part(v_oid) is not null
      then format('%s uses %s', v_signature, ledger.impure_part(v_oid))
  end;
  if v_problem is not null then
    raise exception using
      errcode = 'LG009',
      message = v_problem,
      hint = format(
        'What is needed: create function %s returns %s immutable ...; '
        'grant usage on schema %s to ledger_sandbox; '
        'grant execute on function %s to ledger_sandbox;',
        v_signature, result_type, v_schema, v_signature
      );
  end if;
  return v_signature;
end
$$;

comment on function ledger.check_pure_function(text, regtype[], regtype) is
  'The signature of a user''s function that takes and returns these types and can do nothing but '
  'compute; LG009 when it is not so.';
