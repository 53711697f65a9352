-- For repair_guards() called by a superuser: creates missing event triggers and enables disabled or
-- demoted ones.
create or replace function ledger_guard.repair_event_triggers()
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_whole constant int := (
    select count(*)
    from pg_event_trigger as e
    where e.evtname like 'ledger\_guard%' and e.evtenabled = 'A'
  );
  v_name name;
begin
  perform ledger_guard.create_event_triggers();
  for v_name in
    select e.evtname
    from pg_event_trigger as e
    where e.evtname like 'ledger\_guard%' and e.evtenabled <> 'A'
  loop
    execute format('alter event trigger %I enable always', v_name);
  end loop;
  return (
    select count(*) from pg_event_trigger as e where e.evtname like 'ledger\_guard%'
  ) - v_whole;
end
$$;

comment on function ledger_guard.repair_event_triggers() is
  'Creates and enables the event triggers; returns how many it mended. For a superuser.';
