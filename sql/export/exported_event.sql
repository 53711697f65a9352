-- What export_events() returns.
create type ledger.exported_event as (
  id uuid,
  created_at timestamptz,
  tenant_id text,
  event_type text,
  schema_version int,
  description text,
  aggregate_type text,
  aggregate_id text,
  sequence bigint,
  actor_type text,
  actor_id text,
  outcome text,
  payload jsonb,
  private jsonb,
  deal_id uuid,
  action_id uuid,
  run_id uuid,
  trace_id uuid,
  correlation_id uuid,
  causation_id uuid,
  proof jsonb,
  metadata jsonb,
  occurred_at timestamptz,
  private_hash bytea,
  prev_hash bytea,
  hash bytea,
  position bigint,  -- noqa: RF04
  inclusion_proof bytea[]  -- noqa: LT01
);

comment on type ledger.exported_event is
  'An event as it is exported: description is its type''s summary filled in; private is NULL in a '
  'redacted export; position and inclusion_proof (RFC 9162, from the leaf up, for the tree_size of '
  'ledger.export_started) are NULL without proof, and for events that were not in that tree.';
