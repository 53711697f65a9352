-- Takes the triggers of track_table() away. What was captured stays. Locks the table and its
-- partitions (ACCESS EXCLUSIVE) until the transaction ends. Also for a table that is gone.
create or replace function ledger.untrack_table(table_name regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_trigger record;
begin
  perform ledger.record_tracking(untrack_table.table_name, null);
  for v_trigger in
    select g.tgname, r as relation
    from ledger.tracked_relations(untrack_table.table_name) as r
    join pg_trigger as g on g.tgrelid = r
    join ledger.capture_triggers() as t on t.trigger_name = g.tgname
  loop
    execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.relation);
  end loop;
end
$$;

comment on function ledger.untrack_table(regclass) is
  'Ends what ledger.track_table() began; the events stay. Run it as the table''s owner.';
