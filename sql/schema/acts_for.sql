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
      and case acts_for.privilege
        when 'read' then '{read,audit}'
        else array[acts_for.privilege]
      end && g.privileges
      and (
        g.role_name = ledger.caller()
        or pg_has_role(ledger.caller(), to_regrole(quote_ident(g.role_name))::oid, 'usage')
      )
  );
end;

comment on function ledger.acts_for(text, text) is
  'Whether the caller has the privilege (write, read, relay, consume, operate, privacy, audit, '
  'register) for the tenant; audit includes read.';
