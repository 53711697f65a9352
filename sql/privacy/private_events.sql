-- Events with their private data: the fields of the payload back in it, the rest beside it.
create or replace function ledger.private_events(tenant_id text, event_ids uuid[])
returns setof ledger.private_event
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
  select
    e.id, e.created_at, l.position, e.event_type, e.schema_version, e.aggregate_type,
    e.aggregate_id, p.subject_id,
    ledger.merge_private(e.payload, coalesce(p.private -> 'payload', '{}')),
    p.private - 'payload', null::uuid, null::timestamptz
  from unnest(private_events.event_ids) as wanted (id)
  join ledger.event_private as p
    on p.tenant_id = private_events.tenant_id and p.event_id = wanted.id
  join ledger.events as e
    on e.tenant_id = p.tenant_id
    and e.created_at = ledger.event_time(wanted.id)
    and e.id = wanted.id
  left join ledger.log_entries as l on l.tenant_id = e.tenant_id and l.event_id = e.id
  order by e.created_at, e.id
$$;

comment on function ledger.private_events(text, uuid[]) is
  'Part of read_private() and subject_report(): events with their private data.';
