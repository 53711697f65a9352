-- Says to pg_partman what partition_settings says, in its part_config: a row for agent_events and
-- one for outbox. Run before every maintenance, so that a changed interval reaches pg_partman, and
-- so that nothing else that stands there does: no retention (the ledger alone archives and drops),
-- no default partition, no copied privileges, no constraints of its own. automatic_maintenance is
-- off: pg_partman's own background worker and run_maintenance_proc() pass the ledger by, whose
-- event triggers would stop them at the first table; ledger.run_partman() runs these two by name.
create or replace function ledger.configure_partman()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema constant name := ledger.partman_schema();
  v_is_4 constant boolean := (
    select e.extversion like '4.%' from pg_extension as e where e.extname = 'pg_partman'
  );
begin
  execute format(
    $sql$
      insert into %I.part_config as c (
        parent_table, control, partition_type, partition_interval, premake, datetime_string,
        infinite_time_partitions, automatic_maintenance, jobmon, inherit_privileges,
        ignore_default_data
      )
      select
        parent, 'created_at', %L, '1 ' || s.partition_interval, greatest(s.premake, 1), 'YYYYMMDD',
        true, 'off', false, false,
        true
      from ledger.partition_settings as s
      cross join unnest(array['ledger.agent_events', 'ledger.outbox']) as parent
      on conflict (parent_table) do update set
        control = excluded.control,
        partition_type = excluded.partition_type,
        partition_interval = excluded.partition_interval,
        premake = excluded.premake,
        datetime_string = excluded.datetime_string,
        infinite_time_partitions = true,
        automatic_maintenance = 'off',
        jobmon = false,
        inherit_privileges = false,
        ignore_default_data = true,
        epoch = 'none',
        retention = null,
        retention_schema = null,
        retention_keep_table = true,
        template_table = null,
        constraint_cols = null,
        undo_in_progress = false,
        sub_partition_set_full = false
    $sql$,
    v_schema, case when v_is_4 then 'native' else 'range' end
  );
  if not v_is_4 then
    execute format(
      $sql$
        update %I.part_config
        set default_table = false
        where parent_table in ('ledger.agent_events', 'ledger.outbox')
      $sql$,
      v_schema
    );
  end if;
end
$$;

comment on function ledger.configure_partman() is
  'Writes the ledger''s two rows of pg_partman''s part_config as ledger.partition_settings says.';
