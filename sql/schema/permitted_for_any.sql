-- The tenants that the caller has one of these privileges for; an element * stands for every tenant.
create or replace function ledger.permitted_for_any(privileges text[])
returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  select coalesce(array_agg(distinct t.tenant_id), '{}')
  from unnest(permitted_for_any.privileges) as p (privilege)
  cross join unnest(ledger.permitted_tenants(p.privilege)) as t (tenant_id);
end;

comment on function ledger.permitted_for_any(text[]) is
  'Tenants that the caller has one of the privileges for; * = every tenant.';
