-- Superusers and members of ledger_owner act for every tenant. Inlined by the planner.
create or replace function ledger.is_owner()
returns boolean
language sql
stable
parallel safe
return pg_has_role(ledger.caller(), 'ledger_owner', 'usage');

comment on function ledger.is_owner() is
  'True for superusers and members of ledger_owner: they act for every tenant.';
