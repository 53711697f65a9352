-- Event trigger at table_rewrite: ALTER TABLE ... USING could change every row without firing a
-- trigger. A new access method (reason 8, alone) copies them as they are: a window for partitions may.
create or replace function ledger_guard.refuse_rewrite()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if ledger_guard.is_protected('pg_class'::regclass, pg_event_trigger_table_rewrite_oid(), null)
    and not coalesce(
      (
        select w.by_superuser or w.purpose = 'partition' and pg_event_trigger_table_rewrite_reason() = 8
        from ledger_guard.current_window() as w
      ),
      false
    )
  then
    raise exception using
      errcode = 'LG001',
      message = format(
        'rewriting %s is refused: it belongs to the ledger',
        pg_event_trigger_table_rewrite_oid()::regclass
      ),
      hint = 'A superuser may, in a maintenance window: '
        'select ledger_guard.open_window(''upgrade'');';
  end if;
end
$$;

comment on function ledger_guard.refuse_rewrite() is
  'Event trigger function: LG001 for rewriting a table of the ledger.';
