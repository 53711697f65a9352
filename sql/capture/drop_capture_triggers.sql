create or replace function ledger.drop_capture_triggers(table_name regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_trigger record;
begin
  for v_trigger in
    select g.tgname, r as relation
    from ledger.tracked_relations(drop_capture_triggers.table_name) as r
    join pg_trigger as g on g.tgrelid = r
    join ledger.capture_triggers() as t on t.trigger_name = g.tgname
  loop
    execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.relation);
  end loop;
end
$$;

comment on function ledger.drop_capture_triggers(regclass) is
  'Part of track_table() and untrack_table(): takes the triggers of tracking away.';
