-- Emits an event that is the record of what a function just did or is about to do, and that nobody
-- may emit otherwise. Granted to nobody: the functions that call it check who calls them, and say in
-- the payload what they know, not what they were told. Locks nothing.
create or replace function ledger.emit_own_event(
  event_type text,
  payload jsonb,
  tenant_id text,
  aggregate_type text default null,
  aggregate_id text default null,
  correlation_id uuid default null,
  causation_id uuid default null,
  outcome text default null
)
returns ledger.receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_number bigint;
  v_receipt ledger.receipt;
begin
  insert into ledger.emit_permits default values returning number into v_number;
  v_receipt := ledger.emit_event(
    emit_own_event.event_type,
    emit_own_event.payload,
    tenant_id => emit_own_event.tenant_id,
    aggregate_type => emit_own_event.aggregate_type,
    aggregate_id => emit_own_event.aggregate_id,
    correlation_id => emit_own_event.correlation_id,
    causation_id => emit_own_event.causation_id,
    outcome => emit_own_event.outcome
  );
  delete from ledger.emit_permits as p
  where p.xact_id = pg_current_xact_id() and p.number = v_number;
  return v_receipt;
end
$$;

comment on function ledger.emit_own_event(text, jsonb, text, text, text, uuid, uuid, text) is
  'Part of begin_export(), read_private(), place_hold() and the like: emits what only they may '
  'emit.';
