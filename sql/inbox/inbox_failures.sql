-- Events that a consumer could not process, until it can, or until somebody gives them up. The
-- message is kept as it came, so that it can be processed again when the broker has long forgotten
-- it. A row goes when the event is processed.
create table ledger.inbox_failures (
  tenant_id text collate "C" not null,
  consumer text collate "C" not null,
  event_id uuid not null,
  event_type text collate "C",
  attempts int not null,
  last_error text not null,
  failed_at timestamptz not null,
  next_attempt_at timestamptz,
  is_dead boolean not null,
  message jsonb,
  discarded_at timestamptz,
  discarded_by name,
  discard_reason text,
  primary key (tenant_id, consumer, event_id),
  check (is_dead = (next_attempt_at is null)),
  check (num_nulls(discarded_at, discarded_by, discard_reason) in (0, 3)),
  check (is_dead or discarded_at is null)
);

-- What is due, for claim_failures().
create index inbox_failures_due on ledger.inbox_failures (consumer, next_attempt_at)
where next_attempt_at is not null;

comment on table ledger.inbox_failures is
  'Events that a consumer failed to process, with their messages; see ledger.inbox_status. A dead '
  'one waits for ledger.requeue_failures() or ledger.discard_failure().';
comment on column ledger.inbox_failures.attempts is
  'How often it failed since it first did, or since it was requeued.';
comment on column ledger.inbox_failures.next_attempt_at is
  'When it is due again, or until when the session that claimed it may take; NULL for a dead one.';
comment on column ledger.inbox_failures.is_dead is
  'It failed as often as the consumer allows, and is not tried again by itself.';
comment on column ledger.inbox_failures.message is
  'The message as a CloudEvent in JSON; NULL when only the broker can deliver it again.';
comment on column ledger.inbox_failures.discarded_at is
  'When an operator gave it up: it counts as processed.';
