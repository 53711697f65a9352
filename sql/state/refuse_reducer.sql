create or replace function ledger.refuse_reducer(reducer text, problem text)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG009',
    message = format('%s cannot be a reducer', coalesce(refuse_reducer.reducer, 'NULL')),
    detail = refuse_reducer.problem,
    hint = 'create function app.fold(state jsonb, event ledger.events) returns jsonb immutable ...; '
      'grant usage on schema app to ledger_sandbox; '
      'grant execute on function app.fold to ledger_sandbox;';
end
$$;

comment on function ledger.refuse_reducer(text, text) is
  'Part of register_reducer() and fold_events(): raises LG009.';
