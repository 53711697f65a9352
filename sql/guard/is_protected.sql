-- Whether an object belongs to the ledger: it stands in one of its schemas, belongs to one of its
-- owning roles (so that a table just moved to another schema is still recognised), or hangs below
-- one of its tables. Temporary tables do not.
create or replace function ledger_guard.is_protected(classid oid, objid oid, schema_name text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_schemas constant oid[] := array[
    to_regnamespace('ledger')::oid, to_regnamespace('ledger_guard')::oid
  ];
  c_owners constant oid[] := array[
    to_regrole('ledger_owner')::oid,
    to_regrole('ledger_append')::oid,
    to_regrole('ledger_guard')::oid
  ];
  v_relation oid := ledger_guard.relation_of(is_protected.classid, is_protected.objid);
begin
  if is_protected.schema_name = 'pg_temp' then
    return false;
  elsif is_protected.schema_name in ('ledger', 'ledger_guard') then
    return true;
  elsif v_relation is not null then
    return exists (
      select from pg_class as c
      where c.oid = v_relation
        and c.relpersistence <> 't'
        and (c.relowner = any(c_owners) or c.relnamespace = any(c_schemas))
    ) or exists (
      select from pg_inherits as i
      join pg_class as parent on parent.oid = i.inhparent
      where i.inhrelid = v_relation and parent.relnamespace = any(c_schemas)
    ) or exists (
      select from pg_inherits as i
      join pg_class as child on child.oid = i.inhrelid
      where i.inhparent = v_relation and child.relnamespace = any(c_schemas)
    );
  elsif is_protected.classid = 'pg_proc'::regclass then
    return exists (
      select from pg_proc as p
      where p.oid = is_protected.objid and p.proowner = any(c_owners)
    );
  elsif is_protected.classid = 'pg_namespace'::regclass then
    return exists (
      select from pg_namespace as n
      where n.oid = is_protected.objid and (n.nspowner = any(c_owners) or n.oid = any(c_schemas))
    );
  end if;
  return false;
end
$$;

comment on function ledger_guard.is_protected(oid, oid, text) is
  'Whether a catalog object belongs to the ledger.';
