-- Takes privileges of a tenant back; the role keeps its membership in the ledger's roles, which
-- alone opens no tenant.
create or replace function ledger.revoke_access(
  role_name name,
  tenant_id text,
  privileges text[] default null
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update ledger.tenant_grants as g
  set privileges = array(
    select p
    from unnest(g.privileges) as p
    where p <> all(coalesce(revoke_access.privileges, g.privileges))
  )
  where g.role_name = revoke_access.role_name and g.tenant_id = revoke_access.tenant_id;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format(
        'role %s has no grant for tenant %L', revoke_access.role_name, revoke_access.tenant_id
      ),
      hint = 'select * from ledger.tenant_grants shows the grants there are.';
  end if;
  delete from ledger.tenant_grants as g
  where g.role_name = revoke_access.role_name
    and g.tenant_id = revoke_access.tenant_id
    and g.privileges = '{}';
end
$$;

comment on function ledger.revoke_access(name, text, text[]) is
  'Takes privileges (NULL = all) for a tenant back from a role; effective at once.';
