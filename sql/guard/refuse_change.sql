-- What every guard trigger runs. Refuses whatever fired it; the trigger's events and condition say
-- what is refused.
create or replace function ledger_guard.refuse_change()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG001',
    message = format(
      '%s on %I.%I is refused: the ledger is append-only', tg_op, tg_table_schema, tg_table_name
    ),
    detail = format('Role %s, guard trigger %s.', current_user, tg_name),
    hint = case tg_op
      when 'INSERT' then 'Write events with ledger.emit_event(); nothing else inserts here.'
      else 'Nothing is changed or deleted. Record a correction as a new event with '
        'ledger.emit_event().'
    end;
end
$$;

comment on function ledger_guard.refuse_change() is
  'Trigger function of every guard: raises LG001.';
