-- Transactions in which one of the ledger's functions is speaking, and has checked for whom: it says
-- what only the ledger may say, or what somebody wrote before who may no longer write. Only
-- emit_own_event() and what emits from capture_queue write here, and they take their row away again:
-- nobody ever sees one. A setting would not do, because any caller can set it. Rows are numbered so
-- that the one that is there is found at once behind those that the same transaction took away, such
-- as one a snapshot.
create table ledger.emit_permits (
  xact_id xid8 default pg_current_xact_id(),
  number bigint generated always as identity,
  primary key (xact_id, number)
);

comment on table ledger.emit_permits is
  'Transactions in which one of the ledger''s functions emits, for which it has checked its caller.';
comment on sequence ledger.emit_permits_number_seq is
  'Numbers of ledger.emit_permits, so that the last one of a transaction is found at once.';
