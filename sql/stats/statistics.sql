-- A tenant at a glance: what stats() returns.
create type ledger.statistics as (
  tenant_id text,
  events bigint,
  sealed bigint,
  unsealed bigint,
  seal_lag_seconds double precision,
  first_event_at timestamptz,
  last_event_at timestamptz,
  events_today bigint,
  runs bigint,
  from_time timestamptz,
  to_time timestamptz,
  counted bigint,
  payload_bytes bigint,
  by_type jsonb,
  by_outcome jsonb,
  by_actor jsonb,
  counted_through bigint,
  counted_at timestamptz,
  uncounted bigint,
  skipped bigint,
  outbox_lag_messages bigint,
  outbox_lag_seconds double precision,
  parked bigint,
  dead bigint,
  snapshots bigint,
  snapshot_bytes bigint,
  replay_ms double precision,
  storage jsonb
);

comment on type ledger.statistics is 'A tenant at a glance: see ledger.stats().';
comment on column ledger.statistics.events is 'All there ever were: sealed and unsealed.';
comment on column ledger.statistics.sealed is 'Events with a position: tree_size of the log.';
comment on column ledger.statistics.unsealed is
  'Committed events without a position; at most 10,000 are looked at.';
comment on column ledger.statistics.seal_lag_seconds is
  'Age of the oldest of them; 0 when there is none.';
comment on column ledger.statistics.first_event_at is 'When the first sealed event was emitted.';
comment on column ledger.statistics.last_event_at is 'When the last sealed event was emitted.';
comment on column ledger.statistics.events_today is 'Counted events since midnight UTC.';
comment on column ledger.statistics.runs is 'Counted run.started events.';
comment on column ledger.statistics.from_time is
  'Beginning of what follows, rounded down to an hour, for actors to a day; NULL = the beginning.';
comment on column ledger.statistics.to_time is
  'End of what follows, rounded up to an hour, for actors to a day; NULL = now.';
comment on column ledger.statistics.counted is 'Counted events between from_time and to_time.';
comment on column ledger.statistics.payload_bytes is
  'Size of their payloads as stored, maybe compressed.';
comment on column ledger.statistics.by_type is
  'The 20 most frequent: [{"value": "deal.created", "events": 3, "share": 0.75}, ...].';
comment on column ledger.statistics.by_outcome is 'The same for outcomes; "" = none.';
comment on column ledger.statistics.by_actor is 'The same for actors, as type:id; "" = none. NULL for a time, unless with_actors.';
comment on column ledger.statistics.counted_through is
  'Position in the log up to which events are counted; -1 = none.';
comment on column ledger.statistics.counted_at is 'When they were counted for good.';
comment on column ledger.statistics.uncounted is
  'Sealed events after counted_through: they are missing in the counts.';
comment on column ledger.statistics.skipped is
  'Events that were in cold files when their turn came: never counted.';
comment on column ledger.statistics.outbox_lag_messages is
  'Positions that the relay that is farthest behind has before it; 0 without relays.';
comment on column ledger.statistics.outbox_lag_seconds is
  'Age of the oldest event that some relay has not delivered.';
comment on column ledger.statistics.parked is 'Messages that wait to be tried again.';
comment on column ledger.statistics.dead is 'Messages that were given up.';
comment on column ledger.statistics.replay_ms is
  'How long the replays took on which the snapshots stand, on average; NULL = no snapshots.';
comment on column ledger.statistics.storage is
  'Of all tenants, for who may read or operate all: {"hot": {"partitions": 4, "bytes": 90112}, '
  '...}; else NULL.';
