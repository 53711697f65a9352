-- What each consumer has processed: one row per event and consumer, written in the transaction that
-- processed it, so that both are there or neither is. Rows go after retention_policy.inbox_for.
create table ledger.inbox (
  tenant_id text collate "C" not null,
  consumer text collate "C" not null,
  event_id uuid not null,
  event_type text collate "C",
  processed_at timestamptz not null,
  primary key (tenant_id, consumer, event_id)
);

-- For purge_inbox(), which deletes the oldest rows of all tenants. Rows come in the order of their
-- times, which a B-tree takes at its right end for next to nothing; BRIN would lose its order with
-- the first purge, when new rows fill the room of old ones.
create index inbox_processed_at on ledger.inbox (processed_at);

comment on table ledger.inbox is
  'Which events a consumer has processed; ledger.accept_event() writes it and ledger.purge_inbox() '
  'empties it.';
comment on column ledger.inbox.consumer is
  'Name of what processes the event, such as billing; each consumer processes each event once.';
