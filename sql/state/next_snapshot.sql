-- Goes on from a state to the stream's next event that gets a snapshot, and makes it: the state
-- there, or NULL when the events up to through_sequence want none.
create or replace function ledger.next_snapshot(
  tenant_id text,
  state ledger.aggregate_state,
  reducer ledger.reducers,
  policy ledger.snapshot_policy,
  through_sequence bigint
)
returns ledger.aggregate_state
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_page constant int := 500;
  v_started_at timestamptz := clock_timestamp();
  v_since_time timestamptz := state.created_at;
  v_since_bytes bigint := 0;
  v_events ledger.events[];
  v_cut int;
begin
  state.replayed := 0;
  loop
    v_events := ledger.next_events(
      tenant_id, state.aggregate_type, state.aggregate_id, state.sequence, state.created_at,
      through_sequence, null, reducer.upcast, c_page
    );
    v_since_time := coalesce(v_since_time, v_events[1].created_at);
    v_cut := ledger.snapshot_cut(policy, v_events, v_since_time, v_since_bytes);
    if v_cut is null and coalesce(cardinality(v_events), 0) < c_page then
      return null;
    end if;
    v_events := v_events[:coalesce(v_cut, c_page)];
    state := ledger.fold_page(state, reducer.reducer, v_events);
    exit when v_cut is not null;
    if policy.every_bytes is not null then
      v_since_bytes := v_since_bytes + (
        select sum(octet_length(e.payload::text)) from unnest(v_events) as e
      );
    end if;
  end loop;
  state.snapshot_id := ledger.keep_snapshot(
    tenant_id, state, reducer.fingerprint,
    extract(epoch from clock_timestamp() - v_started_at) * 1000
  );
  return state;
end
$$;

comment on function ledger.next_snapshot(
  text, ledger.aggregate_state, ledger.reducers, ledger.snapshot_policy, bigint
) is
  'Part of maintain(): makes the next snapshot of a stream that its policy wants; NULL for none.';
