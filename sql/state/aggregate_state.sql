create type ledger.aggregate_state as (
  aggregate_type text,
  aggregate_id text,
  sequence bigint,
  created_at timestamptz,
  event_id uuid,
  hash bytea,
  state jsonb,
  snapshot_id uuid,
  replayed bigint
);

comment on type ledger.aggregate_state is
  'State of an aggregate after an event (sequence, created_at, event_id, hash): what '
  'ledger.state_of() returns.';
comment on column ledger.aggregate_state.snapshot_id is
  'The snapshot it was read from, NULL when it was replayed from the beginning.';
comment on column ledger.aggregate_state.replayed is 'Number of events replayed since.';
