-- Takes back what a user's function prepared for its caller, and refuses it: a prepared statement
-- survives the rollback of the subtransaction it was made in, and under the name of one that the
-- caller's driver has made it would run with the caller's rights. PREPARE notes the time of the
-- client's statement, so nothing that the function prepared, under whatever name, has another.
create or replace function ledger.refuse_prepared(function_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_is_found boolean := false;
begin
  for v_name in
    select p.name
    from pg_prepared_statements as p
    where p.from_sql and p.prepare_time = statement_timestamp()
  loop
    execute format('deallocate prepare %I', v_name);
    v_is_found := true;
  end loop;
  if v_is_found then
    raise exception using
      errcode = 'LG009',
      message = format('%s prepared a statement for its caller', refuse_prepared.function_name),
      detail = 'What was prepared within this statement is deallocated.',
      hint = 'Find out who wrote that function. A PREPARE of your own must be a statement of its own.';
  end if;
end
$$;

comment on function ledger.refuse_prepared(text) is
  'Part of fold_events() and run_upcaster(): deallocates what a user''s function prepared; LG009 '
  'when it did.';
