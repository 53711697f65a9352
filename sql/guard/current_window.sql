-- The maintenance window of the current transaction; no row when there is none.
create or replace function ledger_guard.current_window()
returns setof ledger_guard.maintenance_windows
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
rows 1
as $$
  select w.*
  from ledger_guard.maintenance_windows as w
  where w.xact_id = pg_current_xact_id_if_assigned()
    and w.opened_at = transaction_timestamp()
$$;

comment on function ledger_guard.current_window() is
  'The maintenance window that the current transaction has open.';
