-- The tenants that the caller has a privilege for; {*} stands for every tenant. Row-level security
-- calls it once per query.
create or replace function ledger.permitted_tenants(privilege text)
returns text[]
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select case
    when ledger.is_owner() then array['*']
    else coalesce((
      select case when bool_or(g.tenant_id = '*') then array['*'] else array_agg(g.tenant_id) end
      from ledger.tenant_grants as g
      where case permitted_tenants.privilege
          when 'read' then '{read,audit}'
          else array[permitted_tenants.privilege]
        end && g.privileges
        and (
          g.role_name = ledger.caller()
          or pg_has_role(ledger.caller(), to_regrole(quote_ident(g.role_name))::oid, 'usage')
        )
    ), '{}')
  end;
end;

comment on function ledger.permitted_tenants(text) is
  'Tenants that the caller has the privilege (write, read, ...) for; {*} = every tenant.';
