-- The triggers of a tracked table, the one place that names them: track_table() makes them,
-- tracking_status looks for them. The one for nesting stands only where the table has triggers of
-- its own.
create or replace function ledger.capture_triggers()
returns table (
  trigger_name text, function_name text, event text, transition_tables text, is_for_nesting boolean
)
language sql
immutable
parallel safe
rows 5
set search_path = pg_catalog, pg_temp
as $$
values
  ('ledger_capture_begin', 'capture_begin', 'before insert or update or delete', '', true),
  (
    'ledger_capture_insert', 'capture_insert', 'after insert',
    'referencing new table as new_rows', false
  ),
  (
    'ledger_capture_update', 'capture_update', 'after update',
    'referencing old table as old_rows new table as new_rows', false
  ),
  (
    'ledger_capture_delete', 'capture_delete', 'after delete',
    'referencing old table as old_rows', false
  ),
  ('ledger_capture_truncate', 'refuse_truncate', 'before truncate', '', false)
$$;

comment on function ledger.capture_triggers() is
  'The triggers that a tracked table and each of its partitions must carry.';
