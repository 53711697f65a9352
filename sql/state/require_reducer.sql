-- The name of a function that can be a reducer, as it can stand in a statement; LG009 for another.
-- Called with every page of events, so that a function that was replaced since it was registered is
-- looked at again.
create or replace function ledger.require_reducer(reducer text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_oid oid := ledger.find_function(reducer, '{jsonb,ledger.events}');
  v_problem text := case
    when v_oid is null then 'There is no such function (state jsonb, event ledger.events).'
    else ledger.reducer_problem(v_oid)
  end;
begin
  if v_problem is not null then
    perform ledger.refuse_reducer(reducer, v_problem);
  end if;
  return (
    select format('%I.%I', n.nspname, p.proname)
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where p.oid = v_oid
  );
end
$$;

comment on function ledger.require_reducer(text) is
  'Part of register_reducer() and fold_events(): name of a function that can be a reducer, else '
  'LG009.';
