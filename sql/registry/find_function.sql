-- A user's function by its name (what follows the name is not looked at) and the arguments it must
-- take; NULL when there is none. Looked up in the catalog: the roles of the ledger need no USAGE of
-- the user's schemas.
create or replace function ledger.find_function(function_name text, argument_types regtype[])
returns oid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
begin
  begin
    v_parts := parse_ident(find_function.function_name, false);
  exception when invalid_parameter_value then
    v_parts := null;
  end;
  if cardinality(v_parts) = 2 is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        '%s is no function with its schema',
        coalesce(quote_literal(left(find_function.function_name, 150)), 'NULL')
      ),
      hint = 'Name it as in ''app.lift_deal'', or ''app.lift_deal(jsonb)''.';
  end if;
  return (
    select p.oid
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = v_parts[1]
      and p.proname = v_parts[2]
      and p.proargtypes = array_to_string(find_function.argument_types::oid[], ' ')::oidvector
  );
end
$$;

comment on function ledger.find_function(text, regtype[]) is
  'The function of that name, with its schema, and these arguments; NULL when there is none.';
