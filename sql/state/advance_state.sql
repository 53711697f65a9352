-- A state as of a later sequence and time: with the events of its stream since folded into it.
create or replace function ledger.advance_state(
  tenant_id text,
  state ledger.aggregate_state,
  reducer ledger.reducers,
  through_sequence bigint default null,
  through_time timestamptz default null
)
returns ledger.aggregate_state
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_page constant int := 500;
  v_events ledger.events[];
begin
  loop
    v_events := ledger.next_events(
      tenant_id, state.aggregate_type, state.aggregate_id, state.sequence, state.created_at,
      through_sequence, through_time, reducer.upcast, c_page
    );
    exit when v_events is null;
    state := ledger.fold_page(state, reducer.reducer, v_events);
    exit when cardinality(v_events) < c_page;
  end loop;
  return state;
end
$$;

comment on function ledger.advance_state(
  text, ledger.aggregate_state, ledger.reducers, bigint, timestamptz
) is
  'Part of state_of(): a state with the events of its stream since folded into it.';
