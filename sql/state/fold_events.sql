-- Folds a page of events with a reducer: the state after the last, or after each. The reducer can
-- do nothing but compute: it runs as ledger_sandbox, which has no privilege on any table;
-- read-only, so that it cannot change what ledger_sandbox owns, such as this function; and in a
-- subtransaction that is always rolled back, which undoes what settings it made for its caller. What
-- it prepared is no part of that: refuse_prepared() looks whatever happened, a cancellation too. The
-- rows that are returned stay. One statement for the page; when that fails, refuse_fold() finds the
-- event.
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
  begin
    perform set_config('transaction_read_only', 'on', true);
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
    raise null_value_not_allowed;
  exception when others or query_canceled or assert_failure then
    perform ledger.refuse_prepared(v_reducer);
    if sqlstate = '57014' then
      raise;
    end if;
    if v_found = v_count or (v_found = 1 and not fold_events.all_states) then
      return;
    end if;
  end;
  perform ledger.refuse_fold(v_reducer, fold_events.state, fold_events.events);
end
$$;

comment on function ledger.fold_events(text, jsonb, ledger.events[], boolean) is
  'Part of state_of() and replay(): the state after the last of the events, or after each; LG015 '
  'when the reducer fails.';
