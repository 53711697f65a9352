-- Events whose private data about a person was erased, as far as the record names the person. Of an
-- event in a cold file there is little to say.
create or replace function ledger.erased_events(tenant_id text, subject_id text)
returns setof ledger.private_event
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
  select
    x.event_id, ledger.event_time(x.event_id), l.position, e.event_type, e.schema_version, e.aggregate_type,
    e.aggregate_id, erased_events.subject_id, e.payload, null::jsonb, x.erasure_id, x.erased_at
  from ledger.erasures as x
  left join ledger.events as e
    on e.tenant_id = x.tenant_id
    and e.created_at = ledger.event_time(x.event_id)
    and e.id = x.event_id
  left join ledger.log_entries as l on l.tenant_id = x.tenant_id and l.event_id = x.event_id
  where x.tenant_id = erased_events.tenant_id
    and x.subject_hash = ledger.subject_hash(erased_events.subject_id, erased_events.tenant_id)
    and (e.id is not null or ledger.is_cold(x.tenant_id, x.event_id))
  order by x.event_id
$$;

comment on function ledger.erased_events(text, text) is
  'Part of subject_report(): events whose private data about a person was erased.';
