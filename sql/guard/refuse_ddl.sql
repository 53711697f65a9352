-- Event trigger at ddl_command_end: outside a maintenance window no object of the ledger changes;
-- inside one the command is recorded and the guards must stay whole; who is no superuser only
-- makes, moves and guards partitions.
create or replace function ledger_guard.refuse_ddl()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_command record;
  v_window ledger_guard.maintenance_windows;
  v_relation oid;
  v_touched oid[] := array[]::oid[];
begin
  for v_command in
    select c.command_tag, c.object_identity, c.classid, c.objid, c.objsubid
    from pg_event_trigger_ddl_commands() as c
    where ledger_guard.is_protected(c.classid, c.objid, c.schema_name)
  loop
    if v_window is null then
      select * into v_window from ledger_guard.current_window();
    end if;
    if v_window is null then
      raise exception using
        errcode = 'LG001',
        message = format(
          '%s of %s is refused: it belongs to the ledger',
          v_command.command_tag, v_command.object_identity
        ),
        hint = 'Upgrades begin their transaction with: '
          'select ledger_guard.open_window(''upgrade'');';
    end if;
    exit when v_window.purpose = 'uninstall';
    if not v_window.by_superuser
      and not ledger_guard.is_covered_period(v_command.classid, v_command.objid)
      and (
        v_command.command_tag not in (
          'CREATE TABLE', 'CREATE INDEX', 'CREATE TRIGGER', 'ALTER TABLE', 'COMMENT'
        )
        -- Two columns that swap their names swap what every row says.
        or v_command.command_tag = 'ALTER TABLE' and v_command.objsubid <> 0
      )
    then
      raise exception using
        errcode = 'LG001',
        message = format(
          '%s of %s is refused in a maintenance window for %s',
          v_command.command_tag, v_command.object_identity, v_window.purpose
        ),
        hint = 'A superuser may do this in a window for an upgrade.';
    end if;
    v_relation := ledger_guard.relation_of(v_command.classid, v_command.objid);
    v_touched := array_append(v_touched, v_relation);
    insert into ledger_guard.maintenance_commands (
      xact_id, opened_at, ordinal, command_tag, object, relation
    )
    select
      v_window.xact_id, v_window.opened_at, coalesce(max(c.ordinal), 0) + 1, v_command.command_tag,
      coalesce(v_command.object_identity, '?'), v_relation
    from ledger_guard.maintenance_commands as c
    where c.xact_id = v_window.xact_id and c.opened_at = v_window.opened_at;
  end loop;

  if v_window.purpose <> 'uninstall' then
    perform ledger_guard.check_window(at_commit => false, touched => v_touched);
    perform ledger_guard.admit_partitions();
  end if;
end
$$;

comment on function ledger_guard.refuse_ddl() is
  'Event trigger function: LG001 for DDL on the ledger outside a maintenance window.';
