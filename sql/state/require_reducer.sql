-- The function of that name, if it can be a reducer, its name written so that it can stand in a
-- statement; LG009 otherwise. Called with every page of events, so that a function that was replaced
-- since it was registered is looked at again.
create or replace function ledger.require_reducer(reducer text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_oid regprocedure;
  v_problem text;
begin
  v_oid := to_regprocedure(require_reducer.reducer);
  v_problem := case
    when v_oid is null then 'There is no such function, or no two without its schema.'
    else ledger.reducer_problem(v_oid)
  end;
  if v_problem is not null then
    perform ledger.refuse_reducer(require_reducer.reducer, v_problem);
  end if;
  return v_oid::regproc::text;
end
$$;

comment on function ledger.require_reducer(text) is
  'Part of register_reducer() and fold_events(): name of a function that can be a reducer, else '
  'LG009.';
