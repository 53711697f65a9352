-- 0001_foundation, down: written by scripts/freeze from sql/.

-- from sql/install.sql#1
set local check_function_bodies = off;

-- from sql/install.sql#2
set local client_min_messages = warning;

-- from sql/schema/roles.sql
-- Roles are shared by every database of the cluster, so each is made only where it is missing. The
-- installer (a superuser, or any role with CREATEROLE) joins the five owning roles for the length
-- of this transaction's work; grants.sql takes all but ledger_owner back.
do $$
declare
  v_role text;
begin
  foreach v_role in array array[
    'ledger_owner', 'ledger_append', 'ledger_guard', 'ledger_sandbox', 'ledger_capture',
    'ledger_writer', 'ledger_reader', 'ledger_relay', 'ledger_consumer',
    'ledger_operator', 'ledger_privacy', 'ledger_auditor', 'ledger_registrar'
  ] loop
    if to_regrole(v_role) is null then
      begin
        execute format('create role %I nologin', v_role);
      exception when duplicate_object or unique_violation then
        null;  -- another database of the cluster was faster
      end;
    end if;
  end loop;
end
$$;

do $$
declare
  v_role text;
  v_options text := case
    when current_setting('server_version_num')::int >= 160000 then ' with inherit true, set true'
    else ''
  end;
begin
  foreach v_role in array array[
    'ledger_owner', 'ledger_append', 'ledger_guard', 'ledger_sandbox', 'ledger_capture'
  ] loop
    if not (select rolsuper from pg_roles where rolname = current_user) then
      execute format('grant %I to %I%s', v_role, current_user, v_options);
    end if;
  end loop;
exception when insufficient_privilege then
  raise exception using
    errcode = 'insufficient_privilege',
    message = format(
      '%s may not use the ledger''s roles, which another role of this cluster created',
      current_user
    ),
    detail = sqlerrm,
    hint = format(
      'Have their creator or a superuser run: '
      'grant ledger_owner, ledger_append, ledger_guard, ledger_sandbox, ledger_capture '
      'to %I with admin option;',
      current_user
    );
end
$$;

-- by hand, for sql/install.sql
-- Removes the ledger from this database, unless it holds events or something outside stands on it. Its roles stay: they
-- belong to the whole cluster.
select ledger_guard.open_window('uninstall');

-- Nobody emits from here on; without row-level security every event counts.
lock table ledger.agent_events, ledger.agent_events_archive in access exclusive mode;
alter table ledger.agent_events disable row level security;
alter table ledger.agent_events_archive disable row level security;

do $$
declare
  v_events bigint := (select count(*) from ledger.agent_events) + (select count(*) from ledger.agent_events_archive);
begin
  if v_events > 0 then
    raise exception using
      errcode = 'LG001',
      message = format('removing the ledger is refused: it holds %s event(s)', v_events),
      hint = 'A downgrade to base is for an empty ledger. Keep this one, or drop the database as a whole.';
  end if;
end
$$;

do $$
declare
  v_schemas constant text[] := '{ledger,ledger_guard}';
  v_dependents text := (
    select string_agg(distinct pg_describe_object(d.classid, d.objid, 0), ', ')
    from pg_depend as d
    cross join lateral pg_identify_object(d.refclassid, d.refobjid, 0) as needed
    cross join lateral pg_identify_object_as_address(d.classid, d.objid, 0) as dependent
    where d.deptype = 'n'
      and needed.schema = any(v_schemas)
      and dependent.object_names[1] <> all(v_schemas)
      and dependent.type not in ('event trigger', 'default acl')
  );
begin
  if v_dependents is not null then
    raise exception using
      errcode = 'dependent_objects_still_exist',
      message = 'removing the ledger is refused: other objects of this database depend on it',
      detail = v_dependents,
      hint = 'Drop them first.';
  end if;
end
$$;

-- Alembic's version table may stand in the schema, and is written once more after this.
alter schema ledger rename to ledger_removed;
do $$
begin
  if to_regclass('ledger_removed.alembic_version') is not null then
    create schema ledger;
    alter table ledger_removed.alembic_version set schema ledger;
  end if;
end
$$;
drop schema ledger_removed cascade;
drop schema ledger_guard cascade;

do $$
begin
  if not (select r.rolsuper from pg_roles as r where r.rolname = current_user) then
    execute format(
      'revoke ledger_append, ledger_guard, ledger_sandbox, ledger_capture from %I', current_user
    );
  end if;
end
$$;

-- reset of sql/install.sql#1
set local check_function_bodies to default;

-- reset of sql/install.sql#2
set local client_min_messages to default;
