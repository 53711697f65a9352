-- One row per tenant, made by the first event. Not read on the hot path.
create table ledger.tenants (
  tenant_id text collate "C" primary key check (tenant_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
  unknown_types text not null default 'refuse' check (unknown_types in ('refuse', 'open')),
  created_at timestamptz not null default clock_timestamp()
);

comment on table ledger.tenants is 'One row per tenant that has ever had an event, and its policy.';
comment on column ledger.tenants.unknown_types is
  'What happens to an event type that is not registered: "refuse" (LG002) or "open" (accepted '
  'unchecked). Change it with ledger.set_tenant_policy().';
