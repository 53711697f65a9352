-- seal() for every tenant that has something new, in one pass over the new events. For the roles that
-- operate the ledger; schedule it.
create or replace function ledger.seal_all()
returns setof ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.require_tenant('*', 'operate');
  return query select r.* from ledger.sweep_log() as r;
end
$$;

comment on function ledger.seal_all() is
  'ledger.seal() for all tenants with new events; a row for each that got a block. For '
  'operators of every tenant.';
