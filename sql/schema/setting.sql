-- A transaction-local setting of the ledger; NULL when it is not set or empty. Inlined by the
-- planner.
create or replace function ledger.setting(name text)
returns text
language sql
stable
parallel safe
return nullif(current_setting('ledger.' || name, true), '');

comment on function ledger.setting(text) is
  'Value of the setting ledger.<name>, NULL when unset. Set it with ledger.set_context().';
