-- The next page of an export, each event as a line of its format: what goes into a file as it is.
-- Lines are made here, because that is where it costs least: the payload becomes text once.
create or replace function ledger.export_lines(
  export_id uuid,
  after_id uuid default null,
  page_size int default 20000,
  tenant_id text default null
)
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set work_mem = '64MB'
set jit = off
set timezone = 'UTC'
as $$
declare
  v_tenant_id text := coalesce(export_lines.tenant_id, ledger.setting('tenant_id'), 'default');
  v_export ledger.agent_events;
  v_with_proof boolean;
  v_redacted boolean;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  v_export := ledger.open_export(export_lines.export_id, v_tenant_id);
  v_with_proof := (v_export.payload -> 'with_proof')::boolean;
  v_redacted := (v_export.payload -> 'is_redacted')::boolean;
  return query execute ledger.export_query(
    v_export,
    ledger.export_page(v_export, export_lines.after_id, export_lines.page_size),
    case v_export.payload ->> 'format'
      when 'csv' then ledger.csv_line(v_with_proof, v_redacted)
      else ledger.json_line(v_with_proof, v_redacted)
    end
  );
end
$$;

comment on function ledger.export_lines(uuid, uuid, int, text) is
  'The next page of an export as lines with their line feeds, of CSV where that is its format, '
  'else of JSON; beyond that it is export_events(). The columns: ledger.export_columns().';
