-- The person in what can never be erased: events and the table of erasures. Who knows the id can
-- look for it; who does not cannot read it off. Ids that can be guessed (an e-mail address) can be
-- tried out: use ids that mean nothing elsewhere.
create or replace function ledger.subject_hash(subject_id text, tenant_id text)
returns bytea
language sql
immutable
parallel safe
return sha256(
  convert_to('agent-events/subject/v1', 'UTF8') || '\x00'::bytea
  || convert_to(tenant_id, 'UTF8') || '\x00'::bytea || convert_to(subject_id, 'UTF8')
);

comment on function ledger.subject_hash(text, text) is
  'SHA-256("agent-events/subject/v1" 0x00 || tenant_id || 0x00 || subject_id): how erasures and '
  'events of the ledger name a person.';
