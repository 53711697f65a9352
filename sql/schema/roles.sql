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
