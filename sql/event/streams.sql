-- The head of each stream: one UPDATE here locks the stream and yields sequence, prev_hash and hash
-- at once. Half-empty pages keep those updates HOT. A stream whose first event is still being
-- written is at sequence 0.
create table ledger.streams (
  tenant_id text collate "C" not null,
  aggregate_type text collate "C" not null,
  aggregate_id text collate "C" not null,
  sequence bigint not null,
  created_at timestamptz not null,
  hash bytea,
  prev_hash bytea,
  primary key (tenant_id, aggregate_type, aggregate_id)
) with (fillfactor = 50);

comment on column ledger.streams.prev_hash is
  'hash before the last event: what that event carries as prev_hash.';
comment on table ledger.streams is
  'Head of each stream: sequence, created_at and hash of its last event.';
