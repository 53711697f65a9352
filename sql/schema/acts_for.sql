create or replace function ledger.acts_for(tenant_id text, privilege text)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select ledger.is_owner() or exists (
    select
    from ledger.tenant_grants as g
    where g.tenant_id in (acts_for.tenant_id, '*')
      and acts_for.privilege = any(g.privileges)
      and (
        g.role_name = ledger.caller()
        or pg_has_role(ledger.caller(), to_regrole(quote_ident(g.role_name))::oid, 'usage')
      )
  );
end;

comment on function ledger.acts_for(text, text) is
  'Whether the caller has the privilege (write, read, relay, consume, operate, privacy, audit, '
  'register) for the tenant.';
