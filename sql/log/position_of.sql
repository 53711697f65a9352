create or replace function ledger.position_of(event_id uuid, tenant_id text default null)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(position_of.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  return (
    select l.position
    from ledger.log_entries as l
    where l.tenant_id = v_tenant_id and l.event_id = position_of.event_id
  );
end
$$;

comment on function ledger.position_of(uuid, text) is
  'Position of an event in its tenant''s log, from 0; NULL while it is not sealed.';
