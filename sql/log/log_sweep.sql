-- What the last seal_all() saw, one row: whatever was committed before is in some tenant's log.
create table ledger.log_sweep (
  is_only boolean primary key default true check (is_only),
  snapshot pg_snapshot not null,
  system_identifier bigint not null
) with (fillfactor = 50);

comment on table ledger.log_sweep is
  'What the last ledger.seal_all() saw: every event of a transaction visible in snapshot is '
  'sealed.';
