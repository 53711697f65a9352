-- Folds a page of events with a reducer: the state after the last, or after each. Runs as
-- ledger_sandbox, so that the reducer may do nothing but compute. One statement for the page; when
-- that fails, the events are taken one by one to see which it was.
create or replace function ledger.fold_events(
  reducer text,
  state jsonb,
  events ledger.events[],
  all_states boolean default false
)
returns setof jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reducer text := ledger.require_reducer(fold_events.reducer);
  v_count int := cardinality(fold_events.events);
  v_found int;
begin
  return query execute format(
    'with recursive folded (ordinal, state) as ('
    '  select 0, $1'
    '  union all'
    '  select f.ordinal + 1, %s(f.state, $2[f.ordinal + 1])'
    '  from folded as f'
    '  where f.ordinal < $3 and f.state is not null'
    ')'
    'select f.state from folded as f where f.ordinal > 0 and f.state is not null '
    'and ($4 or f.ordinal = $3)',
    v_reducer
  )
  using fold_events.state, fold_events.events, v_count, fold_events.all_states;
  get diagnostics v_found = row_count;
  if v_found <> v_count and (fold_events.all_states or v_found = 0) then
    perform ledger.refuse_fold(v_reducer, fold_events.state, fold_events.events);
  end if;
exception when others then
  if sqlstate = 'LG015' then
    raise;
  end if;
  perform ledger.refuse_fold(v_reducer, fold_events.state, fold_events.events);
  raise;
end
$$;

comment on function ledger.fold_events(text, jsonb, ledger.events[], boolean) is
  'Part of state_of() and replay(): the state after the last of the events, or after each; LG015 '
  'when the reducer fails.';
