-- Whether an event was among those that an export gave out: it was there when the export began, and
-- matches its filters. For who may look into the access log, who need not be able to read the event:
-- so nothing but the filters of begin_export() is compared. One that cannot be read matches nothing.
create or replace function ledger.export_has_event(
  export_id uuid,
  event_id uuid,
  tenant_id text default null
)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_tenant_id text := coalesce(export_has_event.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_any(v_tenant_id, '{audit,operate,privacy}');
  return exists (
    select
    from ledger.events as x
    join ledger.events as e
      on e.tenant_id = x.tenant_id
      and e.created_at = ledger.event_time(export_has_event.event_id)
      and e.id = export_has_event.event_id
    where x.tenant_id = v_tenant_id
      and x.created_at = ledger.event_time(export_has_event.export_id)
      and x.id = export_has_event.export_id
      and x.event_type = 'ledger.export_started'
      and e.created_at <= x.created_at
      and (
        select coalesce(bool_and(
          case f.key
            when 'event_types' then f.value ? e.event_type
            when 'action_prefix' then starts_with(e.event_type, f.value #>> '{}')
            when 'from_time' then e.created_at >= (f.value #>> '{}')::timestamptz
            when 'to_time' then e.created_at < (f.value #>> '{}')::timestamptz
            else f.key in (
              'aggregate_type', 'aggregate_id', 'actor_type', 'actor_id', 'outcome',
              'correlation_id', 'run_id', 'trace_id', 'deal_id'
            ) and coalesce(to_jsonb(e) ->> f.key = f.value #>> '{}', false)
          end
        ), true)
        from jsonb_each(x.payload -> 'filters') as f
      )
  );
exception
  when data_exception then
    return false;
end
$$;

comment on function ledger.export_has_event(uuid, uuid, text) is
  'Whether an export (the id of its ledger.export_started) gave out an event: it was there, and '
  'matches the filters. For auditors, operators and privacy officers.';
