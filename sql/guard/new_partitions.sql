-- What hangs below the ledger's partitioned tables and did not when the window opened.
create or replace function ledger_guard.new_partitions()
returns oid[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select array(
    select p.target::oid from ledger_guard.protected_tables as p
    except
    select unnest(w.protected) from ledger_guard.current_window() as w
  )
$$;

comment on function ledger_guard.new_partitions() is
  'Partitions that were attached since the current maintenance window last looked.';
