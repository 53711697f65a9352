create or replace function ledger.drop_reducer(aggregate_type text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.require_registrar();
  perform ledger.require_tenant('*', 'register');
  delete from ledger.reducers as r where r.aggregate_type = drop_reducer.aggregate_type;
  return found;
end
$$;

comment on function ledger.drop_reducer(text) is
  'Takes the reducer of an aggregate type away, so that it has that of * or the default again; false '
  'when it had none. For registrars of every '
  'tenant.';
