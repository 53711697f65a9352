-- Last step of archiving, and all of bringing back: moves a partition between agent_events and
-- agent_events_archive in one short transaction, and says so in an event. One attempt: who emits
-- (when it leaves agent_events) or reads the archive (when it leaves that) waits for 100 ms at most
-- until the locks are there, and some milliseconds more until commit; without them it gives up
-- (55P03).
create or replace function ledger.move_partition(partition_name name, new_tier text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_parents name[] := array['agent_events', 'agent_events_archive'];
begin
  perform ledger.require_tenant('*', 'operate');
  perform ledger.require_read_committed('moving a partition');
  lock table ledger.partitions in share row exclusive mode;
  v_partition := ledger.find_partition(move_partition.partition_name);
  if v_partition.tier = move_partition.new_tier then
    return;
  elsif move_partition.new_tier = 'archive' then
    perform ledger.refuse_archiving(v_partition);
  elsif move_partition.new_tier = 'hot' and v_partition.tier = 'archive' then
    v_parents := array['agent_events_archive', 'agent_events'];
  else
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format(
        '%s cannot move from tier %s to %s', v_partition.partition_name, v_partition.tier,
        coalesce(move_partition.new_tier, 'NULL')
      ),
      hint = 'A partition that is in a file comes back with: agent-events cold restore';
  end if;

  perform ledger_guard.open_window('partition');
  perform ledger.record_move(
    v_partition, move_partition.new_tier,
    jsonb_build_object('row_count', v_partition.row_count)
  );
  perform ledger.lock_partition(v_partition.partition_name, v_parents[1], v_parents[2]);
  if move_partition.new_tier = 'archive' then
    perform ledger.refuse_late_events(v_partition.partition_name, v_partition.sealed_snapshot);
  end if;
  perform ledger.reattach_partition(
    v_partition.partition_name, v_parents[1], v_parents[2], v_partition.from_time,
    v_partition.to_time
  );
  update ledger.partitions as p
  set tier = move_partition.new_tier, moved_at = clock_timestamp(), sealed_snapshot = null
  where p.partition_name = v_partition.partition_name;
  perform ledger.refresh_coverage();
end
$$;

comment on function ledger.move_partition(name, text) is
  'Last step of ledger.archive_partition() and ledger.restore_partition(): one attempt at moving '
  'a partition to the tier archive or hot; 55P03 when it did not get its locks.';
