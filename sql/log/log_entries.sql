-- Position and event: the order of a tenant's log. created_at leads to the event's partition.
create table ledger.log_entries (
  tenant_id text collate "C" not null,
  position bigint not null,
  created_at timestamptz not null,
  event_id uuid not null,
  primary key (tenant_id, position)
);

-- Finds an event's position, and makes it impossible to give it two.
create unique index log_entries_event on ledger.log_entries (tenant_id, event_id);

comment on table ledger.log_entries is
  'The position of every sealed event in its tenant''s log: gapless from 0, given once by '
  'ledger.seal().';
