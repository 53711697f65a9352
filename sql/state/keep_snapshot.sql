-- Keeps a state as a snapshot, and says so in an event ledger.snapshot_created, whose id is the
-- snapshot's. Called under the lock of lock_snapshots().
create or replace function ledger.keep_snapshot(
  tenant_id text,
  state ledger.aggregate_state,
  reducer_fingerprint bytea,
  replay_ms double precision
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_digest bytea := ledger.snapshot_digest(
    keep_snapshot.tenant_id, state.aggregate_type, state.aggregate_id, state.sequence, state.hash,
    keep_snapshot.reducer_fingerprint, state.state
  );
  v_id uuid;
  v_created_at timestamptz;
begin
  select r.id, r.created_at into v_id, v_created_at
  from ledger.emit_own_event(
    'ledger.snapshot_created',
    ledger.snapshot_payload(
      state.aggregate_type, state.aggregate_id, state.sequence, state.hash,
      keep_snapshot.reducer_fingerprint, v_digest
    ),
    tenant_id => keep_snapshot.tenant_id
  ) as r;
  -- A forged one may be in its place.
  delete from ledger.snapshots as s
  where s.tenant_id = keep_snapshot.tenant_id
    and s.aggregate_type = state.aggregate_type
    and s.aggregate_id = state.aggregate_id
    and s.reducer_fingerprint = keep_snapshot.reducer_fingerprint
    and s.sequence = state.sequence;
  insert into ledger.snapshots (
    tenant_id, aggregate_type, aggregate_id, reducer_fingerprint, sequence, id, event_id,
    event_created_at, event_hash, state, digest, bytes, replayed, replay_ms, created_by, entry
  )
  select
    keep_snapshot.tenant_id, state.aggregate_type, state.aggregate_id,
    keep_snapshot.reducer_fingerprint, state.sequence, v_id, state.event_id, state.created_at,
    state.hash, state.state, v_digest, octet_length(state.state::text), state.replayed,
    keep_snapshot.replay_ms, ledger.caller(),
    ledger.event_entry(
      e.tenant_id, e.id, e.created_at, e.run_id, e.trace_id, e.correlation_id, e.causation_id,
      e.event_type, e.schema_version, e.payload::text, e.deal_id, e.action_id, e.aggregate_type,
      e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome, e.proof, e.metadata,
      e.occurred_at, e.private_hash
    )
  from ledger.agent_events as e
  where e.tenant_id = keep_snapshot.tenant_id and e.created_at = v_created_at and e.id = v_id;
  return v_id;
end
$$;

comment on function ledger.keep_snapshot(
  text, ledger.aggregate_state, bytea, double precision
) is
  'Part of create_snapshot() and maintain(): writes a snapshot and its event.';
