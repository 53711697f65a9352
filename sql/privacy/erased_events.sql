-- Events whose private data about a person was erased, as far as the record names the person.
create or replace function ledger.erased_events(tenant_id text, subject_id text)
returns setof ledger.private_event
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
  select
    e.id, e.created_at, l.position, e.event_type, e.schema_version, e.aggregate_type,
    e.aggregate_id, erased_events.subject_id, e.payload, null::jsonb, x.erasure_id, x.erased_at
  from ledger.erasures as x
  join ledger.events as e
    on e.tenant_id = x.tenant_id
    and e.created_at = ledger.event_time(x.event_id)
    and e.id = x.event_id
  left join ledger.log_entries as l on l.tenant_id = e.tenant_id and l.event_id = e.id
  where x.tenant_id = erased_events.tenant_id
    and x.subject_hash = ledger.subject_hash(erased_events.subject_id, erased_events.tenant_id)
  order by e.created_at, e.id
$$;

comment on function ledger.erased_events(text, text) is
  'Part of subject_report(): events whose private data about a person was erased.';
