-- When an aggregate gets a snapshot, per aggregate type; shared by all tenants. A type without a
-- row takes that of '*'.
create table ledger.snapshot_policy (
  aggregate_type text collate "C" primary key,
  every_events int check (every_events between 1 and 1000000),
  every interval check (every >= interval '1 minute'),
  every_bytes bigint check (every_bytes >= 1024),
  changed_at timestamptz not null default clock_timestamp(),
  changed_by name not null default current_user
);

comment on table ledger.snapshot_policy is
  'When ledger.maintain() makes snapshots: whichever comes first, NULL = not by that; change it '
  'with ledger.set_snapshot_policy().';
comment on column ledger.snapshot_policy.aggregate_type is
  '* = every type without a row of its own.';
comment on column ledger.snapshot_policy.every_events is
  'At each sequence that is a multiple of it.';
comment on column ledger.snapshot_policy.every is
  'At the first event that comes so long after the last snapshot''s.';
comment on column ledger.snapshot_policy.every_bytes is
  'When the payloads since the last snapshot are so long, as text.';
