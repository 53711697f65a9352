-- Where a page of an export ends, by a look at the index alone, so that several connections can
-- each read a page at the same time.
create or replace function ledger.export_page_end(
  export_id uuid,
  after_id uuid default null,
  page_size int default 20000,
  tenant_id text default null
)
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  v_tenant_id text := coalesce(export_page_end.tenant_id, ledger.setting('tenant_id'), 'default');
  v_end uuid;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  perform ledger.require_page_size(export_page_end.page_size, 100000);
  execute concat(
    'select e.id ',
    ledger.export_range(
      ledger.open_export(export_page_end.export_id, v_tenant_id), export_page_end.after_id
    ),
    ' limit 1 offset ', export_page_end.page_size - 1
  )
  into v_end;
  return v_end;
end
$$;

comment on function ledger.export_page_end(uuid, uuid, int, text) is
  'The id of the last event of a full page of an export, which is the after_id of the next; NULL '
  'for the last page.';
