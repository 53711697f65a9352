-- Where replaying begins: at the last snapshot by a sequence and a time, or before the first event.
create or replace function ledger.last_state(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  reducer ledger.reducers,
  at_sequence bigint default null,
  at_time timestamptz default null
)
returns ledger.aggregate_state
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_snapshot ledger.snapshots := ledger.find_snapshot(
    last_state.tenant_id, last_state.aggregate_type, last_state.aggregate_id,
    (last_state.reducer).fingerprint, last_state.at_sequence, last_state.at_time
  );
begin
  return row(
    last_state.aggregate_type, last_state.aggregate_id, coalesce(v_snapshot.sequence, 0),
    v_snapshot.event_created_at, v_snapshot.event_id, v_snapshot.event_hash,
    coalesce(v_snapshot.state, (last_state.reducer).initial), v_snapshot.id, 0
  )::ledger.aggregate_state;
end
$$;

comment on function ledger.last_state(
  text, text, text, ledger.reducers, bigint, timestamptz
) is
  'Part of state_of(): state of the last snapshot, or the initial one at sequence 0.';
