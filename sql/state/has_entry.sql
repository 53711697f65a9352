-- Whether the event that records a snapshot, and is in a cold file, says what the snapshot says. The
-- log has the event's hash, the snapshot what was hashed (docs/leaf-format.md): its fields one to six
-- have fixed places, causation_id has 16 bytes or none; then type, version and payload follow. Type
-- and payload are compared where they stand: elsewhere a writer could have put the same bytes.
create or replace function ledger.has_entry(snapshot ledger.snapshots)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_type constant bytea := '\x00000017'::bytea || convert_to('ledger.snapshot_created', 'UTF8');
  v_payload bytea := convert_to(
    ledger.snapshot_payload(
      snapshot.aggregate_type, snapshot.aggregate_id, snapshot.sequence, snapshot.event_hash,
      snapshot.reducer_fingerprint, snapshot.digest
    )::text,
    'UTF8'
  );
  -- Head of 24 bytes, tenant_id, id, created_at, run_id, trace_id, correlation_id.
  v_at int := 25 + 4 + octet_length(convert_to(snapshot.tenant_id, 'UTF8')) + 20 + 12 + 60;
begin
  if ledger.event_hash(snapshot.entry, null)
    is distinct from ledger.leaf_hash(snapshot.tenant_id, snapshot.id)
  then
    return false;
  end if;
  v_at := v_at + case substr(snapshot.entry, v_at, 4) when '\xffffffff' then 4 else 20 end;
  if substr(snapshot.entry, v_at, 27) <> c_type then
    return false;
  end if;
  -- schema_version takes 8 bytes.
  v_payload := int4send(octet_length(v_payload)) || v_payload;
  return substr(snapshot.entry, v_at + 27 + 8, octet_length(v_payload)) = v_payload;
end
$$;

comment on function ledger.has_entry(ledger.snapshots) is
  'Part of snapshot_problem(): whether a snapshot''s own event, in a cold file, says the same.';
