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
    hint = 'A reducer computes the next state from its arguments, and does nothing else.';
end
$$;

comment on function ledger.refuse_reducer(text, text) is
  'Part of register_reducer(): raises LG009 for a function that is not pure when it is tried.';
