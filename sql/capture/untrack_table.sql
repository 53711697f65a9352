-- Takes the triggers of track_table() away. What was captured stays. Locks the table and its
-- partitions (ACCESS EXCLUSIVE) until the transaction ends. Also for a table that is gone.
create or replace function ledger.untrack_table(table_name regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.record_tracking(untrack_table.table_name, null);
  perform ledger.drop_capture_triggers(untrack_table.table_name);
end
$$;

comment on function ledger.untrack_table(regclass) is
  'Ends what ledger.track_table() began; the events stay. Run it as the table''s owner.';
