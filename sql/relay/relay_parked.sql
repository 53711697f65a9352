-- The troubled messages, and only they: what was not taken, and what waits behind it because it is of
-- the same aggregate. A row stays, with its history, until its outbox partition is purged.
create table ledger.relay_parked (
  tenant_id text collate "C" not null,
  relay text collate "C" not null,
  position bigint not null,
  event_id uuid not null,
  created_at timestamptz not null,
  aggregate_type text collate "C",
  aggregate_id text collate "C",
  attempts int not null default 0,
  last_error text,
  parked_at timestamptz not null default clock_timestamp(),
  failed_at timestamptz,
  next_attempt_at timestamptz,
  token bigint,
  is_dead boolean not null default false,
  published_at timestamptz,
  discarded_at timestamptz,
  primary key (tenant_id, relay, position)
);

-- The lane of an aggregate, in order; and whose turn it is. Both hold what is still to be delivered.
create index relay_parked_lane
  on ledger.relay_parked (tenant_id, relay, aggregate_type, aggregate_id, position)
  where published_at is null and not is_dead;
create index relay_parked_due on ledger.relay_parked (tenant_id, relay, next_attempt_at)
  where published_at is null and not is_dead and next_attempt_at is not null;

comment on table ledger.relay_parked is
  'Messages that a destination did not take, and those of the same aggregate that wait behind them.';
comment on column ledger.relay_parked.attempts is
  'How often it was tried and not taken; 0 = it waits behind another message of its aggregate.';
comment on column ledger.relay_parked.next_attempt_at is
  'When it is due again; NULL = it waits for those before it.';
comment on column ledger.relay_parked.token is 'The lease under which it was handed out again.';
comment on column ledger.relay_parked.is_dead is
  'It is not tried again and stands in nobody''s way: ledger.requeue_dead(), ledger.discard_dead().';
