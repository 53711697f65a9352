-- The role that the session acts as (SET ROLE, else login), also inside SECURITY DEFINER functions,
-- where current_user is their owner. Inlined by the planner.
create or replace function ledger.caller()
returns name
language sql
stable
parallel safe
return coalesce(nullif(current_setting('role'), 'none')::name, session_user);

comment on function ledger.caller() is
  'The role that the session acts as, also inside SECURITY DEFINER functions.';
