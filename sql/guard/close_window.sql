-- Runs at commit, once for the window and once for each command in it; only the last one has work
-- to do. (A command is checked again even after SET CONSTRAINTS ... IMMEDIATE, which would else end
-- the check early.)
create or replace function ledger_guard.close_window()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from ledger_guard.maintenance_commands as c
    where c.xact_id = new.xact_id
      and c.opened_at = new.opened_at
      and (tg_table_name = 'maintenance_windows' or c.ordinal > (to_jsonb(new) ->> 'ordinal')::int)
  ) then
    perform ledger_guard.check_window(at_commit => true);
  end if;
  return null;
end
$$;

comment on function ledger_guard.close_window() is 'Commit check of a maintenance window.';
