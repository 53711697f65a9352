-- The batch: same meaning as emit_event for each element, all or nothing, receipts in input order.
-- Locks each stream once, in the order of their keys, so that batches do not deadlock each other.
-- When every event is plain, one statement writes them all; otherwise emit_event writes them one by
-- one.
create or replace function ledger.emit_events(events jsonb, tenant_id text default null)
returns setof ledger.receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(emit_events.tenant_id, ledger.setting('tenant_id'), 'default');
  v_first_time timestamptz;
begin
  perform ledger.require_tenant(v_tenant_id, 'write');
  perform ledger.refuse_events(emit_events.events);
  if emit_events.events = '[]' then
    return;
  end if;

  -- The order of emit_event: a new tenant, keys, streams.
  perform ledger.ensure_tenant(v_tenant_id);
  v_first_time := ledger.lock_streams(
    v_tenant_id, ledger.lock_keys(v_tenant_id, emit_events.events)
  );
  return query
  select * from ledger.emit_plain_events(v_tenant_id, emit_events.events, v_first_time);
  if not found then
    return query
    select r.*
    from jsonb_populate_recordset(null::ledger.event_input, emit_events.events) as e
    cross join lateral ledger.emit_event(
      e.event_type, coalesce(e.payload, '{}'), v_tenant_id, e.run_id, e.trace_id,
      e.correlation_id, e.causation_id, e.schema_version, e.deal_id, e.action_id,
      e.aggregate_type, e.aggregate_id, e.expected_sequence, e.actor_type, e.actor_id, e.outcome,
      e.proof, e.metadata, e.private, e.subject_id, e.occurred_at, e.idempotency_key, e.publish,
      e.headers
    ) as r;
  end if;
end
$$;

comment on function ledger.emit_events(jsonb, text) is
  'Writes a batch of events, all or nothing: a JSON array of objects whose keys are '
  'emit_event()''s parameters (but tenant_id). Returns one receipt each, in input order.';
