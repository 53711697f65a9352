-- The next page of an export, in time order: the events that its ledger.export_started says, and
-- nothing else, whatever the caller would like. Row-level security applies on top.
create or replace function ledger.export_events(
  export_id uuid,
  after_id uuid default null,
  page_size int default 20000,
  tenant_id text default null
)
returns setof ledger.exported_event
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set work_mem = '64MB'
set jit = off
as $$
declare
  v_tenant_id text := coalesce(export_events.tenant_id, ledger.setting('tenant_id'), 'default');
  v_export ledger.agent_events;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  v_export := ledger.open_export(export_events.export_id, v_tenant_id);
  return query execute ledger.export_query(
    v_export,
    ledger.export_page(v_export, export_events.after_id, export_events.page_size),
    (
      select string_agg(
        case c.name when 'event_type' then 'e.event_type::text' else 'e.' || c.name end,
        ', ' order by c.n
      )
      from ledger.export_columns(true, false) as c
    )
  );
end
$$;

comment on function ledger.export_events(uuid, uuid, int, text) is
  'The next page (page_size 1 to 100000) of an export that the caller began and committed, oldest '
  'first; next page: after_id => id of the last. Redacted unless it was begun otherwise: without '
  'private data, with "***" for what is marked or secret.';
