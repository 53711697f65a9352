-- Raises LG005 unless the caller may act for the tenant in one of these ways.
create or replace function ledger.require_any(tenant_id text, privileges text[])
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_privilege text;
begin
  foreach v_privilege in array require_any.privileges loop
    if ledger.acts_for(require_any.tenant_id, v_privilege) then
      return;
    end if;
  end loop;
  perform ledger.require_tenant(require_any.tenant_id, require_any.privileges[1]);
end
$$;

comment on function ledger.require_any(text, text[]) is
  'Raises LG005 unless the caller has one of the privileges for the tenant.';
