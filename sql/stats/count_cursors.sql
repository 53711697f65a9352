-- How far the events of each tenant are counted: a position of its log.
create table ledger.count_cursors (
  tenant_id text collate "C" primary key,
  position bigint not null default -1,
  skipped bigint not null default 0,
  counted_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

comment on table ledger.count_cursors is
  'Per tenant: the position of its log up to which ledger.event_counts has every event.';
comment on column ledger.count_cursors.skipped is
  'Events up to there that were not in the database when their turn came, but in cold files: they '
  'are not counted.';
