-- What a snapshot says, as one hash; the fields as event_entry() writes them.
create or replace function ledger.snapshot_digest(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  sequence bigint,
  event_hash bytea,
  reducer_fingerprint bytea,
  state jsonb
)
returns bytea
language sql
stable
parallel safe
return sha256(
  'agent-events/snapshot/v1'::bytea || '\x00'::bytea || substr(array_send(array[
    convert_to(tenant_id, 'UTF8'), convert_to(aggregate_type, 'UTF8'),
    convert_to(aggregate_id, 'UTF8'), int8send(sequence), event_hash, reducer_fingerprint,
    convert_to(state::text, 'UTF8')
  ]), 21)
);

comment on function ledger.snapshot_digest(text, text, text, bigint, bytea, bytea, jsonb) is
  'SHA-256 over what a snapshot says; the event ledger.snapshot_created keeps it.';
