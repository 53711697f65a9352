-- The manifest: every partition ever made and where it is now.
create table ledger.partitions (
  partition_name name primary key,
  parent_name name not null check (parent_name in ('agent_events', 'outbox')),
  from_time timestamptz not null,
  to_time timestamptz not null check (to_time > from_time),
  tier text not null default 'hot' check (tier in ('hot', 'archive', 'cold', 'dropped')),
  created_at timestamptz not null default clock_timestamp(),
  moved_at timestamptz,
  row_count bigint check (row_count >= 0),
  sealed_snapshot pg_snapshot,
  unique (parent_name, from_time)
);

comment on table ledger.partitions is
  'Every partition ever made: bounds (UTC midnight), and where it is now.';
comment on column ledger.partitions.row_count is
  'Rows in it, counted when it was archived; NULL before.';
comment on column ledger.partitions.sealed_snapshot is
  'While it is being archived: every event in it of a transaction that this snapshot saw is sealed.';
