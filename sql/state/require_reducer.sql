-- The name of a function that can be a reducer, as it can stand in a statement; LG009 for another.
-- Called with every page of events, so that a function that was replaced since it was registered is
-- looked at again.
create or replace function ledger.require_reducer(reducer text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select left(f.signature, -length('(jsonb, ledger.events)'))
  from ledger.check_pure_function(reducer, '{jsonb,ledger.events}', 'jsonb') as f (signature)
$$;

comment on function ledger.require_reducer(text) is
  'Part of register_reducer() and fold_events(): name of a function that can be a reducer, else '
  'LG009.';
