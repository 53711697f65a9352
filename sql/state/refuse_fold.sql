-- Finds the event that a reducer fails at, and says so (LG015). It runs as in fold_events().
create or replace function ledger.refuse_fold(reducer text, state jsonb, events ledger.events[])
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_state jsonb := refuse_fold.state;
  v_event ledger.events;
  v_sqlstate text;
  v_message text;
begin
  begin
    perform set_config('transaction_read_only', 'on', true);
    foreach v_event in array refuse_fold.events loop
      execute format('select %s($1, $2)', refuse_fold.reducer) into v_state using v_state, v_event;
      if v_state is null then
        raise null_value_not_allowed using message = 'it returned NULL';
      end if;
    end loop;
    raise null_value_not_allowed using message = 'it fails no longer';
  exception when others or query_canceled or assert_failure then
    perform ledger.refuse_prepared(refuse_fold.reducer);
    if sqlstate = '57014' then
      raise;
    end if;
    get stacked diagnostics v_sqlstate := returned_sqlstate, v_message := message_text;
  end;
  raise exception using
    errcode = 'LG015',
    message = format(
      'reducer %s failed at event %s, %s/%s sequence %s', refuse_fold.reducer, v_event.id,
      coalesce(v_event.aggregate_type, '-'), coalesce(v_event.aggregate_id, '-'),
      coalesce(v_event.sequence::text, '-')
    ),
    detail = format('%s: %s', v_sqlstate, v_message),
    hint = 'Mend the function with create or replace, or register another one: '
      'ledger.register_reducer().';
end
$$;

comment on function ledger.refuse_fold(text, jsonb, ledger.events[]) is
  'Part of fold_events(): raises LG015 that names the event a reducer fails at.';
