-- A state with a page of its stream's next events folded into it.
create or replace function ledger.fold_page(
  inout state ledger.aggregate_state,
  reducer text,
  events ledger.events[]
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_last ledger.events := events[cardinality(events)];
begin
  state.state := (select f.state from ledger.fold_events(reducer, state.state, events) as f (state));
  state.sequence := v_last.sequence;
  state.created_at := v_last.created_at;
  state.event_id := v_last.id;
  state.hash := v_last.hash;
  state.replayed := state.replayed + cardinality(events);
end
$$;

comment on function ledger.fold_page(ledger.aggregate_state, text, ledger.events[]) is
  'Part of state_of(): a state with the next events of its stream folded into it.';
