-- Everything that is held about a person, in time order: the events with private data about it, and
-- those whose data was erased. An event ledger.private_read says who asked. Locks nothing.
create or replace function ledger.subject_report(subject_id text, tenant_id text default null)
returns setof ledger.private_event
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(subject_report.tenant_id, ledger.setting('tenant_id'), 'default');
  v_ids uuid[];
begin
  perform ledger.require_tenant(v_tenant_id, 'privacy');
  v_ids := ledger.private_ids(v_tenant_id, subject_report.subject_id, null);
  perform ledger.record_read(v_tenant_id, subject_report.subject_id, v_ids, 'subject report');
  return query
  select r.*
  from (
    select e.* from ledger.private_events(v_tenant_id, v_ids) as e
    union all
    select e.* from ledger.erased_events(v_tenant_id, subject_report.subject_id) as e
  ) as r
  order by r.created_at, r.event_id, r.erased_at;
end
$$;

comment on function ledger.subject_report(text, text) is
  'Everything held about a person: events with private data about it, and those whose data was '
  'erased. Is an event ledger.private_read. For privacy officers.';
