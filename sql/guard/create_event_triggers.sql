-- The event triggers, where they are missing. They refuse what an owner of the tables could do
-- otherwise: DROP, DETACH, DISABLE TRIGGER, rewrites, foreign triggers and policies, replaced
-- functions. They fire for the listed commands only and pass over whatever is not the ledger's.
-- check_guards() compares them with a list of its own. The caller must be a superuser.
create or replace function ledger_guard.create_event_triggers()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_trigger record;
begin
  for v_trigger in
    select * from (values
      ('ledger_guard_ddl', 'ddl_command_end', 'refuse_ddl', array[
        'ALTER AGGREGATE', 'ALTER FUNCTION', 'ALTER INDEX', 'ALTER MATERIALIZED VIEW',
        'ALTER POLICY', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER RULE', 'ALTER SCHEMA',
        'ALTER SEQUENCE', 'ALTER TABLE', 'ALTER TRIGGER', 'ALTER TYPE', 'ALTER VIEW',
        'CREATE AGGREGATE', 'CREATE FOREIGN TABLE', 'CREATE FUNCTION', 'CREATE INDEX',
        'CREATE MATERIALIZED VIEW', 'CREATE POLICY', 'CREATE PROCEDURE', 'CREATE RULE',
        'CREATE SEQUENCE', 'CREATE TABLE', 'CREATE TABLE AS', 'CREATE TRIGGER', 'CREATE TYPE',
        'CREATE VIEW', 'SELECT INTO'
      ]),
      ('ledger_guard_drop', 'sql_drop', 'refuse_drop', null),
      ('ledger_guard_rewrite', 'table_rewrite', 'refuse_rewrite', null),
      ('ledger_guard_detach', 'ddl_command_start', 'refuse_detach', array['ALTER TABLE'])
    ) as t (name, event, function_name, tags)
    where not exists (select from pg_event_trigger as e where e.evtname = t.name)
  loop
    execute format(
      'create event trigger %I on %s %s execute function ledger_guard.%I()',
      v_trigger.name,
      v_trigger.event,
      (
        select 'when tag in (' || string_agg(quote_literal(t), ', ') || ')'
        from unnest(v_trigger.tags) as t
      ),
      v_trigger.function_name
    );
    execute format('alter event trigger %I enable always', v_trigger.name);
  end loop;
end
$$;

comment on function ledger_guard.create_event_triggers() is
  'Creates the event triggers that refuse DDL on the ledger; for a superuser.';
