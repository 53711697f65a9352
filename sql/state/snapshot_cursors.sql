-- How far make_snapshots() has looked through the log of each tenant for aggregates that are due.
create table ledger.snapshot_cursors (
  tenant_id text collate "C" primary key,
  position bigint not null
) with (fillfactor = 50);

comment on table ledger.snapshot_cursors is
  'Up to which position of a tenant''s log aggregates were looked at for snapshots.';
