-- The event that says that a partition moves: partition_archived or partition_restored, in the
-- tenant `ledger`, which holds what happens to the ledger as a whole.
create or replace function ledger.record_move(partition ledger.partitions, new_tier text)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  select from ledger.emit_own_event(
    case record_move.new_tier
      when 'archive' then 'ledger.partition_archived'
      else 'ledger.partition_restored'
    end,
    ledger.partition_payload(record_move.partition, record_move.new_tier)
    || jsonb_strip_nulls(jsonb_build_object(
      'row_count', (record_move.partition).row_count,
      case record_move.new_tier when 'archive' then 'archived_by' else 'restored_by' end,
      ledger.caller()
    )),
    tenant_id => 'ledger',
    aggregate_type => 'partition',
    aggregate_id => (record_move.partition).partition_name
  )
$$;

comment on function ledger.record_move(ledger.partitions, text) is
  'Part of move_partition(): its event.';
