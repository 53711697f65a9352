-- One row. covered_from .. covered_until is what partitions exist for without a gap: emit_event
-- reads it instead of trying an insert in a subtransaction.
create table ledger.partition_settings (
  only_row boolean primary key default true check (only_row),
  partition_interval text not null default 'month'
  check (partition_interval in ('day', 'week', 'month')),
  premake int not null default 3 check (premake between 0 and 366),
  covered_from timestamptz not null,
  covered_until timestamptz not null
);

comment on table ledger.partition_settings is
  'How partitions are made (interval, how many ahead) and the time they cover without a gap.';
