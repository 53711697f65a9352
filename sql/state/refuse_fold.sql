-- Finds the event that a reducer fails at, and says so (LG015). Owned by ledger_sandbox.
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
  v_message text := 'it returned NULL';
begin
  begin
    foreach v_event in array refuse_fold.events loop
      execute format('select %s($1, $2)', refuse_fold.reducer) into v_state using v_state, v_event;
      exit when v_state is null;
    end loop;
  exception when others then
    get stacked diagnostics v_sqlstate := returned_sqlstate, v_message := message_text;
    v_state := null;
  end;
  if v_state is null then
    raise exception using
      errcode = 'LG015',
      message = format(
        'reducer %s failed at event %s, %s/%s sequence %s', refuse_fold.reducer, v_event.id,
        coalesce(v_event.aggregate_type, '-'), coalesce(v_event.aggregate_id, '-'),
        coalesce(v_event.sequence::text, '-')
      ),
      detail = concat_ws(': ', v_sqlstate, v_message),
      hint = 'Mend the function with create or replace, or register another one: '
        'ledger.register_reducer().';
  end if;
end
$$;

comment on function ledger.refuse_fold(text, jsonb, ledger.events[]) is
  'Part of fold_events(): raises LG015 that names the event a reducer fails at.';
