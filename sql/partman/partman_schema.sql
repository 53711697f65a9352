-- The schema of pg_partman. Its functions run as ledger_owner in partman_maintenance(), so it must
-- not be open: who may create objects there, or compile its functions under a search_path of their
-- own, could have their own code run.
create or replace function ledger.partman_schema()
returns name
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema record;
begin
  select n.oid, n.nspname, n.nspowner, n.nspacl into v_schema
  from pg_extension as e
  join pg_namespace as n on n.oid = e.extnamespace
  where e.extname = 'pg_partman';
  if not found then
    raise exception using
      errcode = 'undefined_object',
      message = 'the extension pg_partman is not installed in this database',
      hint = 'create schema partman; create extension pg_partman schema partman;';
  end if;

  if exists (
    select from aclexplode(v_schema.nspacl) as a
    where a.grantee = 0
      or a.privilege_type = 'CREATE' and a.grantee <> v_schema.nspowner
  ) then
    raise exception using
      errcode = 'insufficient_privilege',
      message = format(
        'schema %I is open to other roles, and what is in it would run as ledger_owner',
        v_schema.nspname
      ),
      hint = 'Install pg_partman in a schema that PUBLIC may not use and only its owner may create '
        'objects in.';
  end if;
  return v_schema.nspname;
end
$$;

comment on function ledger.partman_schema() is
  'The schema of the extension pg_partman; an error where it is missing or open to other roles.';
