-- Who looked at what, took it out, verified it, held or erased it: the ledger's own events about
-- that, in one shape. The view reads as its owner (ledger.events would read as the caller), so
-- that operators, who may not read events, see these; its condition says who sees which tenants.
-- A number that is no count is NULL, so that no event ever makes the view fail.
create or replace view ledger.access_log
with (security_barrier = true) as
select
  e.created_at as at,
  e.tenant_id,
  coalesce(
    e.payload ->> 'reader', e.payload ->> 'exported_by', e.payload ->> 'verified_by',
    e.payload ->> 'placed_by', e.payload ->> 'released_by', e.payload ->> 'erased_by',
    e.payload ->> 'dropped_by', e.payload ->> 'restored_by'
  ) as actor,
  case e.event_type
    when 'ledger.private_read' then 'private_read'
    when 'ledger.export_started' then 'export_started'
    when 'ledger.export_created' then 'exported'
    when 'ledger.verified' then 'verified'
    when 'ledger.hold_placed' then 'held'
    when 'ledger.hold_released' then 'released'
    when 'ledger.private_erased' then 'erased'
    else substr(e.event_type, 8)
  end as action,
  coalesce(e.payload ->> 'purpose', e.payload ->> 'reason') as purpose,
  coalesce(
    jsonb_path_query_first(
      e.payload, '$.event_count ? (@ >= 0 && @ <= 9223372036854775807)'
    ),
    jsonb_path_query_first(e.payload, '$.row_count ? (@ >= 0 && @ <= 9223372036854775807)')
  )::bigint as event_count,
  e.payload ->> 'subject_hash' as subject_hash,
  e.payload as details,
  e.id as event_id
from (
  select h.tenant_id, h.id, h.created_at, h.event_type, h.payload from ledger.agent_events as h
  union all
  select a.tenant_id, a.id, a.created_at, a.event_type, a.payload
  from ledger.agent_events_archive as a
) as e
where e.event_type in (
    'ledger.private_read', 'ledger.export_started', 'ledger.export_created', 'ledger.verified',
    'ledger.hold_placed', 'ledger.hold_released', 'ledger.private_erased',
    'ledger.partition_exported', 'ledger.partition_dropped', 'ledger.partition_restored'
  )
  and (
    e.tenant_id = any(
      (select ledger.permitted_tenants('audit'))
      || (select ledger.permitted_tenants('operate'))
      || (select ledger.permitted_tenants('privacy'))
    )
    or '*' = any(
      (select ledger.permitted_tenants('audit'))
      || (select ledger.permitted_tenants('operate'))
      || (select ledger.permitted_tenants('privacy'))
    )
  );

comment on view ledger.access_log is
  'Who did what with the record: private reads, exports, verifications, holds, erasures, cold '
  'files. For auditors, operators and privacy officers: select * from ledger.access_log where '
  'actor = ''support'' order by at desc.';
comment on column ledger.access_log.actor is 'The database role.';
comment on column ledger.access_log.purpose is 'What for, as it was said; the reason of a hold.';
comment on column ledger.access_log.subject_hash is
  'The person: encode(ledger.subject_hash(subject_id, tenant_id), ''hex'').';
comment on column ledger.access_log.details is
  'The event''s payload: the ids of what was read, the filters of an export, the scope of a hold.';
comment on column ledger.access_log.event_id is 'The event that says so.';
