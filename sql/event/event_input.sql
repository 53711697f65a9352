-- An element of emit_events(): the parameters of emit_event() but for tenant_id, which is one for
-- the batch.
create type ledger.event_input as (
  event_type text,
  payload jsonb,
  run_id uuid,
  trace_id uuid,
  correlation_id uuid,
  causation_id uuid,
  schema_version int,
  deal_id uuid,
  action_id uuid,
  aggregate_type text,
  aggregate_id text,
  expected_sequence bigint,
  actor_type text,
  actor_id text,
  outcome text,
  proof jsonb,
  metadata jsonb,
  private jsonb,
  subject_id text,
  occurred_at timestamptz,
  idempotency_key text,
  publish boolean,
  headers jsonb
);

comment on type ledger.event_input is
  'An element of the array that ledger.emit_events() takes: the parameters of '
  'ledger.emit_event() but for tenant_id.';
