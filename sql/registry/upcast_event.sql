-- An event with its payload lifted to the current version of its type.
create or replace function ledger.upcast_event(event ledger.events)
returns ledger.events
language sql
immutable
return upcast_event.event;

comment on function ledger.upcast_event(ledger.events) is
  'An event with its payload lifted to the current version of its type.';
