-- Undoes adopt.sql: pg_partman forgets the ledger, whose partitions stay as they are;
-- ledger.ensure_partitions() makes the next ones. Run it as a superuser, before the ledger
-- is removed:
--
--   psql -v ON_ERROR_STOP=1 -f sql/partman/release.sql

\set ON_ERROR_STOP on
begin;
set local client_min_messages = warning;
select ledger_guard.open_window('upgrade');

do $$
declare
  v_schema constant name := (
    select n.nspname
    from pg_extension as e
    join pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'pg_partman'
  );
begin
  if v_schema is null then
    return;
  end if;
  execute format(
    'delete from %I.part_config where parent_table in (''ledger.agent_events'', ''ledger.outbox'')',
    v_schema
  );
  execute format('revoke all on all tables in schema %I from ledger_owner', v_schema);
  execute format('revoke all on schema %I from ledger_owner', v_schema);
end
$$;

drop function ledger.run_partman();
drop function ledger.partman_maintenance();
drop function ledger.configure_partman();
drop function ledger.partman_schema();
commit;
