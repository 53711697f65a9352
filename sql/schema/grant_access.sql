-- The one call an administrator needs: membership in the ledger's roles, and the tenant. Runs as
-- the administrator, who must be able to grant those roles. Privileges add up; locks nothing beyond
-- its own row.
create or replace function ledger.grant_access(
  role_name name,
  tenant_id text,
  privileges text[] default '{write,read}'
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_roles constant jsonb := jsonb '{
    "write": "ledger_writer",
    "read": "ledger_reader",
    "relay": "ledger_relay",
    "consume": "ledger_consumer",
    "operate": "ledger_operator",
    "privacy": "ledger_privacy",
    "audit": "ledger_auditor",
    "register": "ledger_registrar"
  }';
  v_privilege text;
begin
  if to_regrole(quote_ident(grant_access.role_name)) is null then
    raise exception using
      errcode = 'LG009',
      message = format('role %s does not exist', grant_access.role_name),
      hint = format('Create it first: create role %I login;', grant_access.role_name);
  end if;
  if grant_access.tenant_id ~ '^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,62})$' is not true then
    raise exception using
      errcode = 'LG009',
      message = format('%L is no tenant id', grant_access.tenant_id),
      hint = 'Use 1 to 63 letters, digits, ".", "_" or "-", beginning with a letter or digit; "*" '
        'means every tenant.';
  end if;
  foreach v_privilege in array coalesce(grant_access.privileges, '{}') loop
    if not v_roles ? coalesce(v_privilege, '') then
      raise exception using
        errcode = 'LG009',
        message = format('%L is no privilege', v_privilege),
        hint = 'Privileges: write, read, relay, consume, operate, privacy, audit, register.';
    end if;
    if not pg_has_role(grant_access.role_name, (v_roles ->> v_privilege)::name, 'usage') then
      execute format('grant %I to %I', v_roles ->> v_privilege, grant_access.role_name);
    end if;
  end loop;
  insert into ledger.tenant_grants as g (tenant_id, role_name, privileges)
  values (grant_access.tenant_id, grant_access.role_name, coalesce(grant_access.privileges, '{}'))
  on conflict on constraint tenant_grants_pkey do update
  set privileges = (
    select array_agg(distinct p order by p) from unnest(g.privileges || excluded.privileges) as p
  );
end
$$;

comment on function ledger.grant_access(name, text, text[]) is
  'Lets a database role act for a tenant ("*" = every tenant): select '
  'ledger.grant_access(''app'', ''acme'', ''{write,read}'').';
