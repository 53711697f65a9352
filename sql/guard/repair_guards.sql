-- Re-creates and enables every guard that broken_guards() finds, and as a superuser the commit
-- checks and event triggers. Foreign triggers and rules are left for a person to judge. Runs as the
-- caller: a member of ledger_owner or a superuser.
create or replace function ledger.repair_guards()
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_superuser constant boolean := (
    select r.rolsuper from pg_roles as r where r.rolname = current_user
  );
  v_mended int := 0;
  v_item record;
begin
  perform ledger_guard.open_window('repair');

  for v_item in
    select b.target, b.guard, b.problem
    from ledger_guard.broken_guards() as b
    where b.problem not like 'foreign%'
      and (b.guard <> 'close_window' or v_is_superuser)
  loop
    if v_item.guard = 'row-level security' then
      execute format('alter table %s enable row level security', v_item.target);
      execute format('alter table %s force row level security', v_item.target);
    elsif v_item.problem in ('disabled', 'demoted') then
      -- a table with a pending check cannot be altered
      set constraints ledger_guard.close_window immediate;
      execute format('alter table %s enable always trigger %I', v_item.target, v_item.guard);
    else
      perform ledger.protect_table(v_item.target);
    end if;
    v_mended := v_mended + 1;
  end loop;

  if v_is_superuser then
    v_mended := v_mended + ledger_guard.repair_event_triggers();
  end if;
  return v_mended;
end
$$;

comment on function ledger.repair_guards() is
  'Re-creates and enables every guard that doctor() finds missing, altered, disabled or '
  'demoted; returns how many it mended.';
