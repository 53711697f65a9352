-- Makes the tenant and its ambient run (nil UUID), unless they are there. Called with the tenant's
-- first event, run or policy; whoever may do those was checked before.
create or replace function ledger.ensure_tenant(tenant_id text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  c_no_run constant uuid := uuid '00000000-0000-0000-0000-000000000000';
begin
  if ensure_tenant.tenant_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        '%s is no tenant id', coalesce(quote_literal(left(ensure_tenant.tenant_id, 100)), 'NULL')
      ),
      hint = 'Use 1 to 63 letters, digits, ".", "_" or "-", beginning with a letter or digit.';
  end if;

  insert into ledger.tenants (tenant_id)
  values (ensure_tenant.tenant_id)
  on conflict do nothing;

  insert into ledger.agent_runs (tenant_id, id, agent_name, started_at)
  values (ensure_tenant.tenant_id, c_no_run, 'ambient', clock_timestamp())
  on conflict do nothing;
end
$$;

comment on function ledger.ensure_tenant(text) is
  'Makes a tenant and its ambient run, unless they are there; LG009 for what is no tenant id.';
