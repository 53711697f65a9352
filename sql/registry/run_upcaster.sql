-- Runs a user's function so that it can do nothing but compute: as ledger_sandbox, which has no
-- privilege on any table; read-only, so that it cannot change or drop what ledger_sandbox owns, such
-- as this function; and in a subtransaction that is always rolled back, which undoes what settings it
-- made for its caller, and gives back whether the transaction is read-only. Variables stay. So would
-- what it prepared: refuse_prepared() looks whatever happened, a cancellation too.
create or replace function ledger.run_upcaster(upcaster text, payload jsonb, subject text)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_function regproc;
  v_is_pure boolean;
  v_result jsonb;
  v_state text;
  v_message text;
begin
  begin
    perform set_config('transaction_read_only', 'on', true);
    select p.oid, p.provolatile = 'i' and not p.prosecdef
    into v_function, v_is_pure
    from pg_proc as p
    where p.oid = to_regprocedure(run_upcaster.upcaster);
    if not found then
      raise undefined_function using message = 'it does not exist any more';
    elsif not v_is_pure then
      raise insufficient_privilege using message = 'it is not IMMUTABLE, or is SECURITY DEFINER';
    end if;
    execute format('select %s($1)', v_function)
    into v_result
    using run_upcaster.payload;
    raise null_value_not_allowed using message = 'it returned NULL';
  exception when others or query_canceled or assert_failure then
    -- Once an event: a look is cheaper than the call.
    if exists (
      select
      from pg_prepared_statements as p
      where p.from_sql and p.prepare_time = statement_timestamp()
    ) then
      perform ledger.refuse_prepared(run_upcaster.upcaster);
    end if;
    if sqlstate = '57014' then
      raise;
    end if;
    if v_result is not null then
      return v_result;
    end if;
    get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
  end;
  raise exception using
    errcode = 'LG017',
    message = format('upcaster %s failed on %s', run_upcaster.upcaster, run_upcaster.subject),
    detail = format('%s: %s', v_state, v_message),
    hint = 'Mend the function, or read the event as it is: upcast => false.';
end
$$;

comment on function ledger.run_upcaster(text, jsonb, text) is
  'Part of upcast_payload(): what an upcaster makes of a payload; LG017 when it fails or makes NULL.';
