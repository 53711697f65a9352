create or replace function ledger.set_tenant_policy(tenant_id text, unknown_types text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if set_tenant_policy.unknown_types is null
    or set_tenant_policy.unknown_types not in ('refuse', 'open')
  then
    raise exception using
      errcode = 'LG009',
      message = format(
        '%L is no policy for unknown event types', set_tenant_policy.unknown_types
      ),
      hint = 'Use "refuse" or "open".';
  end if;
  perform ledger.ensure_tenant(set_tenant_policy.tenant_id);
  update ledger.tenants as t
  set unknown_types = set_tenant_policy.unknown_types
  where t.tenant_id = set_tenant_policy.tenant_id;
end
$$;

comment on function ledger.set_tenant_policy(text, text) is
  'Whether the tenant''s unregistered event types are refused (LG002, the default) or accepted '
  'unchecked ("open").';
