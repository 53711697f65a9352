-- A hold's scope as ledger.hold_placed and ledger.hold_released tell it. Those events can never be
-- erased, so the person stands there as a hash.
create or replace function ledger.hold_scope(hold ledger.legal_holds)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
return jsonb_strip_nulls(jsonb_build_object(
  'aggregate_type', (hold).aggregate_type,
  'aggregate_id', (hold).aggregate_id,
  'correlation_id', (hold).correlation_id,
  'subject_hash', encode(ledger.subject_hash((hold).subject_id, (hold).tenant_id), 'hex'),
  'from_time', (hold).from_time,
  'to_time', (hold).to_time
));

comment on function ledger.hold_scope(ledger.legal_holds) is
  'Part of place_hold() and release_hold(): the scope as their events tell it.';
