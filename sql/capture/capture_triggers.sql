-- The triggers of a tracked table, the one place that names them: track_table() makes them,
-- tracking_status looks for them.
create or replace function ledger.capture_triggers()
returns table (trigger_name text, function_name text, event text, transition_tables text)
language sql
immutable
parallel safe
rows 4
set search_path = pg_catalog, pg_temp
as $$
values
  (
    'ledger_capture_insert', 'capture_insert', 'after insert',
    'referencing new table as new_rows'
  ),
  (
    'ledger_capture_update', 'capture_update', 'after update',
    'referencing old table as old_rows new table as new_rows'
  ),
  (
    'ledger_capture_delete', 'capture_delete', 'after delete',
    'referencing old table as old_rows'
  ),
  ('ledger_capture_truncate', 'refuse_truncate', 'before truncate', '')
$$;

comment on function ledger.capture_triggers() is
  'The triggers that a tracked table and each of its partitions must carry.';
