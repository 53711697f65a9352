-- States that were computed once, so that reading one replays the few events since. Derived data:
-- each can be deleted and made again. What binds it to the record is its id, that of an event
-- ledger.snapshot_created whose payload holds the digest; find_snapshot() believes no other.
create table ledger.snapshots (
  tenant_id text collate "C" not null,
  aggregate_type text collate "C" not null,
  aggregate_id text collate "C" not null,
  reducer_fingerprint bytea not null,
  sequence bigint not null,
  id uuid not null,
  event_id uuid not null,
  event_created_at timestamptz not null,
  event_hash bytea not null,
  state jsonb not null,
  digest bytea not null,
  bytes bigint not null,
  replayed bigint not null,
  replay_ms double precision not null,
  created_at timestamptz not null default clock_timestamp(),
  created_by name not null,
  entry bytea not null,
  primary key (tenant_id, aggregate_type, aggregate_id, reducer_fingerprint, sequence)
);

-- The last one before a moment.
create index snapshots_time
on ledger.snapshots (
  tenant_id, aggregate_type, aggregate_id, reducer_fingerprint, event_created_at
);
-- Which reducers there are snapshots of, and which snapshots of a reducer that is no more.
create index snapshots_reducer on ledger.snapshots (aggregate_type, reducer_fingerprint);
-- The newest, for doctor().
create index snapshots_created on ledger.snapshots (created_at);

comment on table ledger.snapshots is
  'States of aggregates after some of their events; ledger.maintain() and '
  'ledger.create_snapshot() make them, ledger.state_of() reads them.';
comment on column ledger.snapshots.id is
  'id of the event ledger.snapshot_created that records it.';
comment on column ledger.snapshots.event_id is
  'The last event in it, with its sequence, created_at and hash.';
comment on column ledger.snapshots.reducer_fingerprint is
  'SHA-256 over the reducer that computed it: after a change of the reducer it does not count.';
comment on column ledger.snapshots.digest is
  'SHA-256 over tenant, aggregate, sequence, event_hash, reducer_fingerprint and state.';
comment on column ledger.snapshots.entry is
  'What is hashed of the event ledger.snapshot_created, as event_entry() writes it: it counts when '
  'that event is in a cold file.';
comment on column ledger.snapshots.bytes is 'Length of the state as text.';
comment on column ledger.snapshots.replayed is
  'Number of events that were replayed to make it, and in replay_ms milliseconds.';
