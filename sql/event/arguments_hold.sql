-- The rules of an event's own fields, as one expression that the planner inlines into emit_event's
-- and emit_events' one lookup; refuse_arguments() names the one that is broken.
create or replace function ledger.arguments_hold(
  payload jsonb, aggregate_type text, aggregate_id text, expected_sequence bigint,
  actor_type text, actor_id text, outcome text, proof jsonb, metadata jsonb, private jsonb,
  subject_id text, occurred_at timestamptz, idempotency_key text, headers jsonb
)
returns boolean
language sql
stable
parallel safe
return jsonb_typeof(payload) = 'object'
  and pg_column_size(payload) <= 8388608
  and case
    when aggregate_type is null then aggregate_id is null and expected_sequence is null
    else coalesce(
      length(aggregate_type) between 1 and 255 and length(aggregate_id) between 1 and 255, false
    )
  end
  and coalesce(actor_type in ('user', 'agent', 'system', 'webhook'), true)
  and coalesce(length(actor_id) between 1 and 255, true)
  and coalesce(outcome in ('success', 'failure', 'partial', 'pending'), true)
  and (proof is null or (pg_column_size(proof) <= 8388608 and ledger.is_proof(proof)))
  and coalesce(jsonb_typeof(metadata) = 'object' and pg_column_size(metadata) <= 8388608, true)
  and coalesce(
    jsonb_typeof(private) = 'object'
    and not private ? 'payload'
    and pg_column_size(private) <= 8388608,
    true
  )
  and coalesce(length(subject_id) between 1 and 255, true)
  and coalesce(isfinite(occurred_at), true)
  and coalesce(length(idempotency_key) between 1 and 255, true)
  and coalesce(jsonb_typeof(headers) = 'object' and pg_column_size(headers) <= 1048576, true);

comment on function ledger.arguments_hold(
  jsonb, text, text, bigint, text, text, text, jsonb, jsonb, jsonb, text, timestamptz, text, jsonb
) is
  'Whether the arguments of emit_event() keep the rules for an event''s own fields.';
