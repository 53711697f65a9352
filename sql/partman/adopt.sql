-- pg_partman makes the ledger's partitions: run this once, where its extension is (4.7, as Debian
-- has it, or 5.x), as the superuser that installed the ledger:
--
--   create schema partman;
--   create extension pg_partman schema partman;
--   psql -v ON_ERROR_STOP=1 -f sql/partman/adopt.sql
--
-- From then on schedule `select ledger.run_partman();` daily, as a role that may operate:
-- `ledger.grant_access('dba', '*', '{operate}')`. Interval and premake are those of
-- ledger.partition_settings; safe to run again, also after an upgrade of either side.
--
-- Who may do what:
--   ledger_owner gets USAGE on pg_partman's schema, reads its tables, writes part_config, because
--     its run_maintenance() works with the privileges of the caller. In run_partman() that is
--     ledger_owner, to whom the partitions therefore belong.
--   Operators get EXECUTE on ledger.run_partman(), and need nothing of pg_partman's. Do not grant
--     them USAGE on its schema: a session that has called its functions under a search_path of its
--     own could have types of its own used in them.
--   pg_partman is trusted: who may replace its functions has code run as ledger_owner. A schema
--     that PUBLIC may use, or in which others than its owner may create objects, is refused.
--   Its own background worker and run_maintenance_proc() leave the ledger's tables alone
--     (automatic_maintenance = 'off') and go on to serve other tables.
--
-- sql/partman/release.sql undoes it.

\set ON_ERROR_STOP on
begin;
set local client_min_messages = warning;
select ledger_guard.open_window('upgrade');

\ir partman_schema.sql
\ir configure_partman.sql
\ir partman_maintenance.sql
\ir run_partman.sql

alter function ledger.partman_schema() owner to ledger_owner;
alter function ledger.configure_partman() owner to ledger_owner;
alter function ledger.partman_maintenance() owner to ledger_owner;
alter function ledger.run_partman() owner to ledger_owner;
revoke all on function
  ledger.partman_schema(), ledger.configure_partman(), ledger.partman_maintenance(),
  ledger.run_partman()
from public;
grant execute on function ledger.partman_maintenance(), ledger.run_partman() to ledger_operator;

do $$
declare
  v_schema constant name := ledger.partman_schema();
begin
  execute format('grant usage on schema %I to ledger_owner', v_schema);
  execute format('grant select on all tables in schema %I to ledger_owner', v_schema);
  execute format('grant insert, update on %I.part_config to ledger_owner', v_schema);
end
$$;
select ledger.configure_partman();
commit;

select ledger.run_partman();
