-- Trigger after UPDATE, for each statement, on a tracked table. Runs as ledger_capture, which may do
-- nothing but hand the rows on: a cast to json of the user's own, which to_jsonb() calls, can do no
-- harm. The settings make values look the same whatever the session's are. A column of the alias's
-- name would be taken for the row.
create or replace function ledger.capture_update()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set intervalstyle = postgres
set bytea_output = hex
set extra_float_digits = 1
as $$
begin
  perform ledger.capture_changes(
    tg_argv,
    array(select to_jsonb(ledger_old_row) from old_rows as ledger_old_row),
    array(select to_jsonb(ledger_new_row) from new_rows as ledger_new_row)
  );
  return null;
end
$$;

comment on function ledger.capture_update() is
  'Trigger of tracked tables, after UPDATE: see ledger.track_table().';
