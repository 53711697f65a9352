-- The export that the caller began: its event ledger.export_started. Refuses what is not on record
-- for good, what somebody else began, and what is finished.
create or replace function ledger.find_export(export_id uuid, tenant_id text)
returns ledger.agent_events
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_started ledger.agent_events;
  v_is_finished boolean;
begin
  select e.tenant_id, e.id, e.created_at, e.correlation_id, e.payload, e.xact_id
  into
    v_started.tenant_id, v_started.id, v_started.created_at, v_started.correlation_id,
    v_started.payload, v_started.xact_id
  from ledger.events as e
  where e.tenant_id = find_export.tenant_id
    and e.created_at = ledger.event_time(find_export.export_id)
    and e.id = find_export.export_id
    and e.event_type = 'ledger.export_started'
    and e.payload ->> 'exported_by' = ledger.caller();
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format(
        'role %s has begun no export %s of tenant %s',
        ledger.caller(), find_export.export_id, find_export.tenant_id
      ),
      hint = 'ledger.begin_export() returns the id; who began an export reads and finishes it.';
  end if;
  if v_started.xact_id = pg_current_xact_id_if_assigned() then
    raise exception using
      errcode = '55000',
      message = format('export %s was begun in this transaction', find_export.export_id),
      hint = 'Commit first: that somebody exports is on record before there is something to read.';
  end if;
  select true into v_is_finished
  from ledger.events as e
  where e.tenant_id = v_started.tenant_id
    and e.correlation_id = v_started.correlation_id
    and e.created_at > v_started.created_at
    and e.event_type = 'ledger.export_created'
    and e.causation_id = v_started.id
  limit 1;
  if v_is_finished then
    raise exception using
      errcode = '55000',
      message = format('export %s is finished', find_export.export_id),
      hint = 'Begin another one.';
  end if;
  return v_started;
end
$$;

comment on function ledger.find_export(uuid, text) is
  'Part of open_export() and finish_export(): the event that began the export, LG009 unless the '
  'caller began it, 55000 unless it is committed and not finished.';
