-- Every transaction that was allowed to change the ledger's objects, and what it started from. Only
-- written by open_window(). The pair identifies the transaction even in a restored copy, whose
-- transaction ids begin anew.
create table ledger_guard.maintenance_windows (
  xact_id xid8 not null default pg_current_xact_id(),
  opened_at timestamptz not null default transaction_timestamp(),
  purpose text not null,
  opened_by name not null,
  by_superuser boolean not null,
  broken_guards text[] not null,
  protected oid[] not null,
  admitted oid[] not null default '{}',
  primary key (xact_id, opened_at)
);

comment on table ledger_guard.maintenance_windows is
  'Transactions in which objects of the ledger were allowed to change: who, when, why.';
comment on column ledger_guard.maintenance_windows.broken_guards is
  'Guards that were already broken when the window opened; it may not leave others behind.';
comment on column ledger_guard.maintenance_windows.protected is
  'Protected tables and attached partitions that the window has seen; each must be in its place '
  'at commit.';
comment on column ledger_guard.maintenance_windows.admitted is
  'Partitions that the window attached; they may wait for their guards until commit.';
