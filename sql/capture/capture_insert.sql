-- Trigger after INSERT, for each statement, on a tracked table. to_jsonb() calls casts to json that
-- users make, here as ledger_capture, which owns this function. So the rows are read in a
-- subtransaction that is read-only and always rolled back: such a cast can neither change what
-- ledger_capture owns nor leave a setting behind. Always, because whether there is one cannot be
-- known: pg_cast as the snapshot shows it may be older than what to_jsonb() finds. A statement that
-- a cast prepares for the session stays: a trigger of the table could as well prepare it, and the
-- table's owner chose its types. The settings make values look the same whatever the session's are.
-- A column of the alias's name would be taken for the row.
create or replace function ledger.capture_insert()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set intervalstyle = postgres
set bytea_output = hex
set extra_float_digits = 1
as $$
declare
  v_new jsonb[];
begin
  begin
    if set_config('transaction_read_only', 'on', true) = 'on' then
      v_new := array(select to_jsonb(ledger_new_row) from new_rows as ledger_new_row);
    end if;
    raise null_value_not_allowed;
  exception when others or assert_failure then
    if v_new is null then
      raise;
    end if;
  end;
  if tg_argv[8] = 't' then
    perform ledger.queue_changes(tg_argv, '{}', v_new);
  else
    perform ledger.capture_changes(tg_argv, '{}', v_new);
  end if;
  return null;
end
$$;

comment on function ledger.capture_insert() is
  'Trigger of tracked tables, after INSERT: see ledger.track_table().';
