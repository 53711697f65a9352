-- The cluster that this is: transaction ids mean nothing in another one.
create or replace function ledger.system_identifier()
returns bigint
language sql
stable
return (select c.system_identifier from pg_control_system() as c);

comment on function ledger.system_identifier() is
  'Identifier of this cluster; a restored dump or pg_upgrade has another.';
