-- Transactions in which the ledger is saying something that only its own functions may say. Only
-- emit_own_event() writes here, and it takes its row away again: nobody ever sees one. A setting
-- would not do, because any caller can set it.
create table ledger.emit_permits (
  xact_id xid8 primary key default pg_current_xact_id()
);

comment on table ledger.emit_permits is
  'Part of emit_own_event(): transactions that are about to emit an event of the ledger''s own.';
