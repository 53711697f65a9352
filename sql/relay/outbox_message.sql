-- A message as a relay delivers it: the outbox row and its position in the log.
create type ledger.outbox_message as (
  tenant_id text,
  "position" bigint,
  id uuid,
  aggregate_type text,
  aggregate_id text,
  event_type text,
  schema_version int,
  payload jsonb,
  trace_id uuid,
  correlation_id uuid,
  created_at timestamptz,
  headers jsonb,
  attempts int,
  is_retry boolean
);

comment on type ledger.outbox_message is 'A message of the outbox, with its position in the log.';
comment on column ledger.outbox_message.id is
  'Id of the event, and of the message: what a receiver tells duplicates by.';
comment on column ledger.outbox_message.attempts is 'How often it was tried before and not taken.';
comment on column ledger.outbox_message.is_retry is
  'It was parked: confirm_outbox() wants its position in retried.';
