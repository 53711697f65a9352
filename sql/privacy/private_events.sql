-- Events with their private data: the fields of the payload back in it, the rest beside it. Of an
-- event in a cold file there is the private data only, which never leaves the database.
create or replace function ledger.private_events(tenant_id text, event_ids uuid[])
returns setof ledger.private_event
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
  select
    wanted.id, ledger.event_time(wanted.id), l.position, e.event_type, e.schema_version, e.aggregate_type,
    e.aggregate_id, p.subject_id,
    ledger.merge_private(coalesce(e.payload, '{}'), coalesce(p.private -> 'payload', '{}')),
    p.private - 'payload', null::uuid, null::timestamptz
  from unnest(private_events.event_ids) as wanted (id)
  join ledger.event_private as p
    on p.tenant_id = private_events.tenant_id and p.event_id = wanted.id
  left join ledger.events as e
    on e.tenant_id = p.tenant_id
    and e.created_at = ledger.event_time(wanted.id)
    and e.id = wanted.id
  left join ledger.log_entries as l on l.tenant_id = p.tenant_id and l.event_id = wanted.id
  where e.id is not null or ledger.is_cold(p.tenant_id, wanted.id)
  order by wanted.id
$$;

comment on function ledger.private_events(text, uuid[]) is
  'Part of read_private() and subject_report(): events with their private data.';
