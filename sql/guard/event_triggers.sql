-- The ledger works without event triggers, which only a superuser can create; doctor() says so
-- then. Stands after grants.sql: from here on, objects of the ledger change in maintenance windows
-- only.
do $$
begin
  if (select r.rolsuper from pg_roles as r where r.rolname = current_user) then
    perform ledger_guard.create_event_triggers();
  end if;
end
$$;
