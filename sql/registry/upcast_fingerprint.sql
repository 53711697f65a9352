-- What upcast_event() depends on, as text: it changes when what upcasting yields may change.
create or replace function ledger.upcast_fingerprint()
returns text
language sql
stable
return '';

comment on function ledger.upcast_fingerprint() is
  'Changes when what upcasting yields may change.';
