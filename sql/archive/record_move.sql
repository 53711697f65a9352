-- The event that says that a partition moves: partition_archived, partition_restored or, when it is
-- given up, partition_dropped; in the tenant `ledger`, which holds what happens to the ledger as a
-- whole.
create or replace function ledger.record_move(
  partition ledger.partitions,
  new_tier text,
  details jsonb
)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  select from (
    select case
      when record_move.new_tier = 'dropped' then 'dropped'
      when (record_move.partition).tier = 'hot' then 'archived'
      else 'restored'
    end as name
  ) as move
  cross join lateral ledger.emit_own_event(
    'ledger.partition_' || move.name,
    ledger.partition_payload(record_move.partition, record_move.new_tier)
    || jsonb_build_object(move.name || '_by', ledger.caller())
    || jsonb_strip_nulls(record_move.details),
    tenant_id => 'ledger',
    aggregate_type => 'partition',
    aggregate_id => (record_move.partition).partition_name
  )
$$;

comment on function ledger.record_move(ledger.partitions, text, jsonb) is
  'Part of move_partition(), finish_restore() and expire_cold(): their event.';
