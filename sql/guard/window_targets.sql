-- The tables that a window for partitions has touched, which is where a guard can have been broken;
-- NULL, for all, in other windows and where no event trigger writes the commands down.
create or replace function ledger_guard.window_targets(
  maintenance_window ledger_guard.maintenance_windows
)
returns oid[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select array_agg(distinct t.oid)
  from (
    select c.relation as oid
    from ledger_guard.maintenance_commands as c
    where c.xact_id = (window_targets.maintenance_window).xact_id
      and c.opened_at = (window_targets.maintenance_window).opened_at
    union all
    select unnest((window_targets.maintenance_window).admitted)
  ) as t
  where (window_targets.maintenance_window).purpose = 'partition' and t.oid is not null
$$;

comment on function ledger_guard.window_targets(ledger_guard.maintenance_windows) is
  'Part of check_window(): the tables that it looks at when the window closes; NULL for all.';
