-- What the event ledger.snapshot_created says of a snapshot.
create or replace function ledger.snapshot_payload(
  aggregate_type text,
  aggregate_id text,
  sequence bigint,
  event_hash bytea,
  reducer_fingerprint bytea,
  digest bytea
)
returns jsonb
language sql
immutable
parallel safe
return jsonb_build_object(
  'aggregate_type', aggregate_type,
  'aggregate_id', aggregate_id,
  'sequence', sequence,
  'event_hash', encode(event_hash, 'hex'),
  'reducer_fingerprint', encode(reducer_fingerprint, 'hex'),
  'digest', encode(digest, 'hex')
);

comment on function ledger.snapshot_payload(text, text, bigint, bytea, bytea, bytea) is
  'Payload of the event ledger.snapshot_created of a snapshot.';
