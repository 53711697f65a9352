-- Makes every change of a table an event, from now on: in the transaction that makes the change, or,
-- deferred, when emit_captured() runs. Runs as the table's owner, who must also be
-- a registrar. Locks the table and its partitions against writing (SHARE ROW EXCLUSIVE) until the
-- transaction ends; rewrites and reads nothing. Again, with other options, it replaces the triggers
-- (ACCESS EXCLUSIVE).
create or replace function ledger.track_table(
  table_name regclass,
  event_prefix text default null,
  aggregate_type text default null,
  key_columns text[] default null,
  excluded text[] default '{}',
  masked text[] default '{}',
  tenant_column text default null,
  publish boolean default null,
  deferred boolean default false
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  v_has_triggers boolean := exists (select from ledger.own_triggers(table_name));
  v_trigger record;
begin
  perform ledger.require_registrar();
  select
    coalesce(event_prefix, c.relname), coalesce(aggregate_type, event_prefix, c.relname),
    coalesce(key_columns, ledger.primary_key_of(table_name)),
    coalesce(excluded, '{}') || ledger.virtual_columns_of(table_name), coalesce(masked, '{}'),
    coalesce(deferred, false)
  into event_prefix, aggregate_type, key_columns, excluded, masked, deferred
  from pg_class as c
  where c.oid = table_name;
  perform ledger.refuse_tracking(
    table_name, event_prefix, aggregate_type, key_columns, excluded, masked, tenant_column
  );
  perform ledger.register_capture_types(event_prefix, table_name::text);

  perform ledger.drop_capture_triggers(table_name);
  for v_trigger in
    select r as relation, t.*
    from ledger.tracked_relations(table_name) as r
    cross join ledger.capture_triggers() as t
    where v_has_triggers or not t.is_for_nesting
  loop
    execute format(
      'create trigger %I %s on %s %s for each statement '
      'execute function ledger.%I(%L, %L, %L, %L, %L, %L, %L, %L, %L, %L)',
      v_trigger.trigger_name, v_trigger.event, v_trigger.relation, v_trigger.transition_tables,
      v_trigger.function_name, event_prefix, aggregate_type, key_columns, excluded, masked,
      coalesce(tenant_column, ''), coalesce(publish::text, ''), v_has_triggers, deferred,
      ledger.quick_key(table_name, key_columns, tenant_column)
    );
  end loop;
  perform ledger.record_tracking(
    table_name,
    row(
      table_name, table_name::text, event_prefix, aggregate_type, key_columns, excluded, masked,
      tenant_column, publish, deferred, clock_timestamp(), ledger.caller()
    )::ledger.tracked_tables
  );
end
$$;

comment on function ledger.track_table(
  regclass, text, text, text[], text[], text[], text, boolean, boolean
) is
  'Makes every change of a table an event: <prefix>.created, .updated (changed columns only) and '
  '.deleted, about the aggregate <aggregate_type>/<key>. With deferred => true the change is kept in '
  'its transaction, and ledger.emit_captured() makes the event. Run it as the table''s owner.';
