-- Two schemas: ledger is what people use; ledger_guard holds what watches over it.
create schema if not exists ledger;
alter schema ledger owner to ledger_owner;
create schema if not exists ledger_guard;
alter schema ledger_guard owner to ledger_guard;

comment on schema ledger is
  'agent-events: a tamper-evident, append-only event ledger. Start with ledger.emit_event() and '
  'the view ledger.events.';
comment on schema ledger_guard is
  'agent-events: the guards of schema ledger. Nothing here is called by hand.';
