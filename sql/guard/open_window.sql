-- Lets the current transaction change objects of the ledger where event triggers refuse that
-- otherwise: 'partition' (the ledger's own functions), 'upgrade', 'repair', 'uninstall'. Recorded;
-- at commit nothing may be less guarded than it was before. Only members of ledger_owner may call
-- it; where event triggers exist, only a superuser upgrades or uninstalls.
create or replace function ledger_guard.open_window(purpose text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role name := case current_setting('role')
    when 'none' then session_user
    else current_setting('role')::name
  end;
  v_by_superuser boolean := (select r.rolsuper from pg_roles as r where r.rolname = v_role);
begin
  if open_window.purpose is null
    or open_window.purpose not in ('partition', 'upgrade', 'repair', 'uninstall')
  then
    raise exception using
      errcode = 'LG009',
      message = format('%L is no purpose of a maintenance window', open_window.purpose),
      hint = 'Purposes: partition, upgrade, repair, uninstall.';
  end if;
  if open_window.purpose in ('upgrade', 'uninstall') and not v_by_superuser
    and exists (
      select from pg_event_trigger as e
      where e.evtname like 'ledger\_guard%' and e.evtenabled <> 'D'
    )
  then
    raise exception using
      errcode = 'LG001',
      message = format(
        '%s as %s is refused: event triggers protect this ledger', open_window.purpose, v_role
      ),
      hint = 'A superuser installed them; upgrade and uninstall as a superuser.';
  end if;

  insert into ledger_guard.maintenance_windows (
    purpose, opened_by, by_superuser, broken_guards, protected
  )
  select
    open_window.purpose,
    v_role,
    v_by_superuser,
    array(select format('%s %s', b.target, b.guard) from ledger_guard.broken_guards() as b),
    array(select p.target::oid from ledger_guard.protected_tables as p)
  on conflict (xact_id, opened_at) do nothing;
end
$$;

comment on function ledger_guard.open_window(text) is
  'Allows changes to objects of the ledger for the rest of the transaction (purpose: partition, '
  'upgrade, repair, uninstall).';
