-- Why a snapshot is not to be believed; NULL when it is. It must be what its digest is over, stand
-- on an event of the stream, and have been recorded by an event of its own. Of an event that is in
-- a cold file the log still has the hash, and the snapshot what was hashed.
create or replace function ledger.snapshot_problem(snapshot ledger.snapshots)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_hash bytea;
  v_is_recorded boolean;
begin
  if snapshot.digest <> ledger.snapshot_digest(
    snapshot.tenant_id, snapshot.aggregate_type, snapshot.aggregate_id, snapshot.sequence,
    snapshot.event_hash, snapshot.reducer_fingerprint, snapshot.state
  ) then
    return 'It is not what its digest is over.';
  end if;

  select e.payload ->> 'digest' = encode(snapshot.digest, 'hex')
  into v_is_recorded
  from ledger.events as e
  where e.tenant_id = snapshot.tenant_id
    and e.created_at = ledger.event_time(snapshot.id)
    and e.id = snapshot.id
    and e.event_type = 'ledger.snapshot_created';
  if not found and ledger.is_cold(snapshot.tenant_id, snapshot.id) then
    v_is_recorded := ledger.has_entry(snapshot);
  end if;
  if v_is_recorded is not true then
    return 'No event ledger.snapshot_created records it.';
  end if;

  select e.hash into v_hash
  from ledger.events as e
  where e.tenant_id = snapshot.tenant_id
    and e.created_at = snapshot.event_created_at
    and e.id = snapshot.event_id
    and e.aggregate_type = snapshot.aggregate_type
    and e.aggregate_id = snapshot.aggregate_id
    and e.sequence = snapshot.sequence;
  if not found and ledger.is_cold(snapshot.tenant_id, snapshot.event_id) then
    v_hash := ledger.leaf_hash(snapshot.tenant_id, snapshot.event_id);
  end if;
  if v_hash is distinct from snapshot.event_hash then
    return 'The stream has no such event at its sequence.';
  end if;
  return null;
end
$$;

comment on function ledger.snapshot_problem(ledger.snapshots) is
  'Why a snapshot is forged, NULL when it is not.';
