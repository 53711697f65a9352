-- Says who reads private data and what for, in an event ledger.private_read; and, because a reader
-- could roll that back, in the server's log too.
create or replace function ledger.record_read(
  tenant_id text,
  subject_id text,
  event_ids uuid[],
  purpose text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise log 'role % reads private data of % events of tenant %: %',
    ledger.caller(), cardinality(event_ids), tenant_id, purpose;
  perform from ledger.emit_own_event(
    'ledger.private_read',
    jsonb_strip_nulls(jsonb_build_object(
      'reader', ledger.caller(),
      'purpose', purpose,
      'subject_hash', encode(ledger.subject_hash(subject_id, tenant_id), 'hex'),
      'event_ids', ledger.listed_ids(event_ids),
      'event_count', cardinality(event_ids)
    )),
    tenant_id => record_read.tenant_id
  );
end
$$;

comment on function ledger.record_read(text, text, uuid[], text) is
  'Part of read_private() and subject_report(): emits ledger.private_read.';
