-- The reducer of an aggregate type, with its fingerprint as the function is now. upcast overrides
-- what was registered.
create or replace function ledger.find_reducer(aggregate_type text, upcast boolean default null)
returns ledger.reducers
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reducer ledger.reducers;
begin
  select r.* into v_reducer
  from ledger.reducers as r
  where r.aggregate_type in (find_reducer.aggregate_type, '*')
  order by r.aggregate_type = '*'
  limit 1;
  if not found then
    v_reducer.reducer := 'ledger.merge_event(jsonb, ledger.events)';
    v_reducer.initial := '{}';
  end if;
  v_reducer.upcast := coalesce(find_reducer.upcast, v_reducer.upcast, false);
  v_reducer.fingerprint := ledger.reducer_fingerprint(
    v_reducer.reducer, v_reducer.initial, v_reducer.upcast
  );
  return v_reducer;
end
$$;

comment on function ledger.find_reducer(text, boolean) is
  'The reducer of an aggregate type, its own, that of * or the default; fingerprint as it is now, '
  'NULL when the function is gone.';
