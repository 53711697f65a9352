-- The commit check of maintenance windows. An uninstalling window has none: a table with a pending
-- check cannot be dropped.
create constraint trigger close_window
after insert on ledger_guard.maintenance_windows
deferrable initially deferred
for each row when (new.purpose <> 'uninstall')
execute function ledger_guard.close_window();
alter table ledger_guard.maintenance_windows enable always trigger close_window;

create constraint trigger close_window
after insert on ledger_guard.maintenance_commands
deferrable initially deferred
for each row
execute function ledger_guard.close_window();
alter table ledger_guard.maintenance_commands enable always trigger close_window;
