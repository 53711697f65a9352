-- Raises LG005 unless the caller may act for the tenant.
create or replace function ledger.require_tenant(tenant_id text, privilege text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not ledger.acts_for(require_tenant.tenant_id, require_tenant.privilege) then
    raise exception using
      errcode = 'LG005',
      message = format(
        'role %s may not %s for tenant %s',
        ledger.caller(),
        require_tenant.privilege,
        coalesce(quote_literal(require_tenant.tenant_id), 'NULL')
      ),
      hint = format(
        'An administrator can allow it: select ledger.grant_access(%L, %L, %L);',
        ledger.caller(), require_tenant.tenant_id, array[require_tenant.privilege]
      );
  end if;
end
$$;

comment on function ledger.require_tenant(text, text) is
  'Raises LG005 unless the caller has the privilege for the tenant.';
