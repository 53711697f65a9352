-- Which database role may act for which tenant. Every function of the ledger checks it, row-level
-- security repeats it.
create table ledger.tenant_grants (
  tenant_id text collate "C" not null
  check (tenant_id = '*' or tenant_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
  role_name name not null,
  privileges text[] not null check (
    privileges
    <@ array['write', 'read', 'relay', 'consume', 'operate', 'privacy', 'audit', 'register']
  ),
  granted_at timestamptz not null default clock_timestamp(),
  granted_by name not null default session_user,
  primary key (tenant_id, role_name)
);

comment on table ledger.tenant_grants is
  'Database role -> tenants it may act for ("*" = every tenant) and what it may do there. '
  'Change it with ledger.grant_access() and ledger.revoke_access().';
