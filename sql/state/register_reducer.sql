-- Makes a function the reducer of an aggregate type, or of all that have no other ('*'). Snapshots
-- of the one before count no longer; maintain() makes them anew.
create or replace function ledger.register_reducer(
  aggregate_type text,
  reducer text,
  initial jsonb default '{}',
  upcast boolean default false
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_upcast boolean := coalesce(register_reducer.upcast, false);
  v_reducer text;
begin
  perform ledger.require_registrar();
  perform ledger.require_tenant('*', 'register');
  if length(register_reducer.aggregate_type) between 1 and 255 is not true
    or register_reducer.initial is null
  then
    raise exception using
      errcode = 'LG009',
      message = 'aggregate_type must have 1 to 255 characters, and initial must not be NULL',
      hint = 'select ledger.register_reducer(''deal'', ''app.fold_deal(jsonb, ledger.events)'');';
  end if;
  v_reducer := ledger.require_reducer(register_reducer.reducer) || '(jsonb, ledger.events)';
  perform ledger.try_reducer(v_reducer, register_reducer.initial);
  insert into ledger.reducers (
    aggregate_type, reducer, initial, upcast, fingerprint, registered_by
  )
  values (
    register_reducer.aggregate_type, v_reducer, register_reducer.initial, v_upcast,
    ledger.reducer_fingerprint(v_reducer, register_reducer.initial, v_upcast), ledger.caller()
  )
  on conflict (aggregate_type) do update
  set
    reducer = excluded.reducer,
    initial = excluded.initial,
    upcast = excluded.upcast,
    fingerprint = excluded.fingerprint,
    registered_at = excluded.registered_at,
    registered_by = excluded.registered_by;
end
$$;

comment on function ledger.register_reducer(text, text, jsonb, boolean) is
  'Makes a function (state jsonb, event ledger.events) returns jsonb immutable the reducer of an '
  'aggregate type; * = of every type without its own. upcast => true hands it payloads as of the '
  'current schema version. LG009 when the function is not pure. For registrars of '
  'every tenant.';
