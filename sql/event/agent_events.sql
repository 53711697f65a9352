-- The event. emit_event() and emit_events() are the only inserters and check every rule; the table
-- itself carries no CHECK, because each costs about a microsecond per statement (doctor() re-checks
-- the rules).
create table ledger.agent_events (
  tenant_id text collate "C" not null,
  id uuid not null,
  created_at timestamptz not null,
  run_id uuid not null,
  trace_id uuid not null,
  correlation_id uuid not null,
  causation_id uuid,
  event_type varchar(100) collate "C" not null,
  schema_version int not null,
  payload jsonb not null,
  deal_id uuid,
  action_id uuid,
  aggregate_type text collate "C",
  aggregate_id text collate "C",
  sequence bigint,
  actor_type text,
  actor_id text,
  outcome text,
  proof jsonb,
  metadata jsonb,
  occurred_at timestamptz,
  private_hash bytea,
  prev_hash bytea,
  hash bytea not null,
  xact_id xid8 not null default pg_current_xact_id(),
  primary key (tenant_id, created_at, id)
) partition by range (created_at);

create index agent_events_stream
on ledger.agent_events (tenant_id, aggregate_type, aggregate_id, sequence)
where aggregate_id is not null;
create index agent_events_correlation
on ledger.agent_events (tenant_id, correlation_id, created_at);
create index agent_events_run
on ledger.agent_events (tenant_id, run_id, created_at)
where run_id <> '00000000-0000-0000-0000-000000000000';
create index agent_events_type
on ledger.agent_events (tenant_id, event_type, created_at);
-- Traces are many and random: a Bloom filter per 32 pages finds one at a tenth of a B-tree's size,
-- and costs emit nothing measurable.
create index agent_events_trace
on ledger.agent_events using brin (trace_id uuid_bloom_ops)
with (pages_per_range = 32, autosummarize = on);
-- seal() finds new events by it. (A BRIN index costs emit as much, and is blind to the newest pages
-- until a vacuum.)
create index agent_events_xact on ledger.agent_events (xact_id);

comment on table ledger.agent_events is
  'The events, append-only and partitioned by created_at. Read them through the view '
  'ledger.events.';
comment on column ledger.agent_events.id is
  'UUIDv7 (RFC 9562, method 3) whose time is created_at to the microsecond: '
  'ledger.event_time(id) = created_at.';
comment on column ledger.agent_events.created_at is
  'Server clock at emit; strictly increasing within a stream.';
comment on column ledger.agent_events.trace_id is 'The 128-bit OpenTelemetry trace id, as a UUID.';
comment on column ledger.agent_events.correlation_id is
  'deal_id if there is a deal, else what the caller gave, else its cause''s, else the run''s, '
  'else the trace.';
comment on column ledger.agent_events.causation_id is 'id of the event that caused this one.';
comment on column ledger.agent_events.aggregate_type is
  'With aggregate_id: the thing the event is about, e.g. deal, post, wallet.';
comment on column ledger.agent_events.sequence is
  'Gapless from 1 within the stream (tenant, aggregate_type, aggregate_id); NULL without '
  'aggregate.';
comment on column ledger.agent_events.occurred_at is
  'When it happened, as told by the caller; NULL = created_at.';
comment on column ledger.agent_events.private_hash is
  'SHA-256 commitment to what event_private holds, or held before it was erased.';
comment on column ledger.agent_events.prev_hash is
  'hash of the stream''s previous event; NULL for its first.';
comment on column ledger.agent_events.hash is
  'SHA-256 over all fields (format agent-events/leaf/v1, see docs): chain link and Merkle leaf '
  'in one.';
comment on column ledger.agent_events.xact_id is
  'Transaction that wrote the event; sealing finds new events by it. Not hashed.';
