-- Transactions in which the ledger is saying something that only its own functions may say. Only
-- emit_own_event() writes here, and it takes its row away again: nobody ever sees one. A setting
-- would not do, because any caller can set it. Rows are numbered so that the one that is there is
-- found at once behind those that the same transaction took away, such as one a snapshot.
create table ledger.emit_permits (
  xact_id xid8 default pg_current_xact_id(),
  number bigint generated always as identity,
  primary key (xact_id, number)
);

comment on table ledger.emit_permits is
  'Part of emit_own_event(): transactions that are about to emit an event of the ledger''s own.';
comment on sequence ledger.emit_permits_number_seq is
  'Numbers of ledger.emit_permits, so that the last one of a transaction is found at once.';
