-- One row: how old events may grow before they leave a tier, counted from the end of their
-- partition, and what consumers processed before it is forgotten. NULL = never, which is where a new
-- ledger begins: nothing moves, nothing is dropped.
create table ledger.retention_policy (
  is_only boolean primary key default true check (is_only),
  hot_for interval check (hot_for >= interval '1 hour'),
  warm_for interval check (warm_for >= interval '1 hour'),
  cold_for interval check (cold_for >= interval '1 hour'),
  outbox_for interval check (outbox_for >= interval '1 hour'),
  inbox_for interval check (inbox_for >= interval '1 hour'),
  archive_tablespace name,
  archive_access_method name,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by name not null default current_user,
  constraint in_order check (
    coalesce(warm_for >= hot_for, true)
    and coalesce(cold_for >= warm_for, true)
    and coalesce(cold_for >= hot_for, true)
  )
);

comment on table ledger.retention_policy is
  'How long events stay hot (agent_events), warm (agent_events_archive) and cold (files), as ages '
  'from the end of their partition; change it with ledger.set_retention().';
comment on column ledger.retention_policy.warm_for is
  'From this age on a partition is due to be exported to a file and dropped.';
comment on column ledger.retention_policy.cold_for is
  'From this age on a file may be deleted.';
comment on column ledger.retention_policy.outbox_for is
  'From this age on a partition of the outbox is dropped, once every relay has delivered it.';
comment on column ledger.retention_policy.archive_tablespace is
  'Where archived partitions are stored; NULL = where they were.';
comment on column ledger.retention_policy.archive_access_method is
  'Table access method of archived partitions, such as columnar; NULL = as they were.';
comment on column ledger.retention_policy.inbox_for is
  'How long the inbox remembers what was processed; a duplicate that arrives later is processed '
  'again. See ledger.purge_inbox().';
