-- The private data of one event, or about a person, in time order. Every call is an event
-- ledger.private_read, also one that finds nothing. Locks nothing.
create or replace function ledger.read_private(
  event_id uuid default null,
  subject_id text default null,
  purpose text default null,
  tenant_id text default null
)
returns setof ledger.private_event
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(read_private.tenant_id, ledger.setting('tenant_id'), 'default');
  v_ids uuid[];
begin
  perform ledger.require_tenant(v_tenant_id, 'privacy');
  perform ledger.require_reason('purpose', read_private.purpose);
  v_ids := ledger.private_ids(v_tenant_id, read_private.subject_id, read_private.event_id);
  perform ledger.record_read(
    v_tenant_id, read_private.subject_id, v_ids, read_private.purpose
  );
  return query select e.* from ledger.private_events(v_tenant_id, v_ids) as e;
end
$$;

comment on function ledger.read_private(uuid, text, text, text) is
  'The private data of one event (event_id) or about a person (subject_id), back in the events'' '
  'payloads; purpose says what for. Each call is an event ledger.private_read. For privacy '
  'officers.';
