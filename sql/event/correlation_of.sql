-- The correlation of an event, wherever it is kept; NULL when there is no such event.
create or replace function ledger.correlation_of(tenant_id text, event_id uuid)
returns uuid
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select e.correlation_id
  from ledger.events as e
  where e.tenant_id = correlation_of.tenant_id
    and e.created_at = ledger.event_time(correlation_of.event_id)
    and e.id = correlation_of.event_id;
end;

comment on function ledger.correlation_of(text, uuid) is
  'Part of emit_event(): the correlation that an event takes over from its cause.';
