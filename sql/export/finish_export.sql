-- Says how an export ended, in an event ledger.export_created: how many events, and the digest of
-- the file, so that a file can be told to be that export later. Locks nothing.
create or replace function ledger.finish_export(
  export_id uuid,
  event_count bigint,
  file_sha256 bytea default null,
  tenant_id text default null
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(finish_export.tenant_id, ledger.setting('tenant_id'), 'default');
  v_started ledger.agent_events;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  v_started := ledger.find_export(finish_export.export_id, v_tenant_id);
  return r.id
  from ledger.emit_own_event(
    'ledger.export_created',
    jsonb_strip_nulls(jsonb_build_object(
      'export_id', v_started.id,
      'format', v_started.payload -> 'format',
      'event_count', finish_export.event_count,
      'is_redacted', v_started.payload -> 'is_redacted',
      'filters', v_started.payload -> 'filters',
      'file_sha256', encode(finish_export.file_sha256, 'hex'),
      'exported_by', ledger.caller(),
      'purpose', v_started.payload -> 'purpose'
    )),
    tenant_id => v_tenant_id,
    correlation_id => v_started.correlation_id,
    causation_id => v_started.id
  ) as r;
end
$$;

comment on function ledger.finish_export(uuid, bigint, bytea, text) is
  'Ends an export: an event ledger.export_created says how many events it has and which file. An '
  'export without one was not finished.';
