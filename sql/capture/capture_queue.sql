-- Statements on tables that are tracked as deferred, until emit_captured() makes their events: what
-- they changed, and the context that emit_event() would have taken from the transaction. A row lives
-- for as long as the schedule takes; only the functions of this room see one. A later change of a row
-- has the greater id: it is drawn while the statement that made it holds the row's lock.
create table ledger.capture_queue (
  id bigint generated always as identity primary key,
  arguments text[] not null,
  old_rows jsonb[] not null,
  new_rows jsonb[] not null,
  is_mixed boolean not null,
  captured_at timestamptz not null default clock_timestamp(),
  tenant_id text not null,
  run_id uuid,
  trace_id uuid,
  correlation_id uuid,
  causation_id uuid,
  actor_type text,
  actor_id text,
  error jsonb
);

comment on table ledger.capture_queue is
  'Statements on tables tracked with deferred => true that are no events yet: see '
  'ledger.emit_captured().';
comment on column ledger.capture_queue.arguments is
  'Those of the trigger, from 0: see capture_changes().';
comment on column ledger.capture_queue.is_mixed is
  'Whether inner statements are among it, so that old_rows and new_rows are no pairs.';
comment on column ledger.capture_queue.error is
  'Why it could not be made an event the last time: sqlstate, message, detail, hint.';
comment on sequence ledger.capture_queue_id_seq is
  'Numbers of ledger.capture_queue: a later change of a row has the greater one.';
