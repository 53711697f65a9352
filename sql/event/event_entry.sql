-- 0x00 and the entry of the format agent-events/leaf/v1 (docs/leaf-format.md) up to and without its
-- last field, prev_hash: each field is an int32be length and its bytes, NULL is length -1.
-- array_send() writes exactly that after a 20-byte header. Every argument is used once and the body
-- is one expression, so the planner inlines it.
create or replace function ledger.event_entry(
  tenant_id text, id uuid, created_at timestamptz, run_id uuid, trace_id uuid, correlation_id uuid,
  causation_id uuid, event_type text, schema_version int, payload text, deal_id uuid,
  action_id uuid, aggregate_type text, aggregate_id text, sequence bigint, actor_type text,
  actor_id text, outcome text, proof jsonb, metadata jsonb, occurred_at timestamptz,
  private_hash bytea
)
returns bytea
language sql
stable
parallel safe
return '\x006167656e742d6576656e74732f6c6561662f7631000017'::bytea || substr(array_send(array[
  convert_to(tenant_id, 'UTF8'), uuid_send(id), timestamptz_send(created_at), uuid_send(run_id),
  uuid_send(trace_id), uuid_send(correlation_id), uuid_send(causation_id),
  convert_to(event_type, 'UTF8'), int4send(schema_version), convert_to(payload, 'UTF8'),
  uuid_send(deal_id), uuid_send(action_id), convert_to(aggregate_type, 'UTF8'),
  convert_to(aggregate_id, 'UTF8'), int8send(sequence), convert_to(actor_type, 'UTF8'),
  convert_to(actor_id, 'UTF8'), convert_to(outcome, 'UTF8'), convert_to(proof::text, 'UTF8'),
  convert_to(metadata::text, 'UTF8'), timestamptz_send(occurred_at), private_hash
]), 21);

comment on function ledger.event_entry(
  text, uuid, timestamptz, uuid, uuid, uuid, uuid, text, int, text, uuid, uuid, text, text, bigint,
  text, text, text, jsonb, jsonb, timestamptz, bytea
) is
  'What is hashed of an event (format agent-events/leaf/v1) but for its last field: event_hash() '
  'adds prev_hash.';
