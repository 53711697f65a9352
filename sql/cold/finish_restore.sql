-- Takes the table of begin_restore() into the archive: guards it, attaches it, and then, when
-- nobody can change it any more, has every event held against the log (LG010: nothing is restored).
-- Waits for whoever still copies into it. Locks the table, and agent_events_archive against other
-- attaching and detaching, until the transaction ends; reading and emitting go on.
create or replace function ledger.finish_restore(partition_name name)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition ledger.partitions;
  v_table regclass;
  v_count bigint;
  v_drop ledger.cold_drops;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.require_partition(finish_restore.partition_name, '{cold,dropped}');
  v_table := to_regclass(format('ledger.%I', v_partition.partition_name));
  if v_table is null then
    raise exception using
      errcode = 'LG009',
      message = format('nothing was copied for partition %s', v_partition.partition_name),
      hint = 'ledger.begin_restore() makes the table that its events are copied into.';
  end if;

  perform ledger_guard.open_window('partition');
  execute format('lock table %s in access exclusive mode', v_table);
  execute format('revoke all on %s from ledger_operator', v_table);
  perform ledger.protect_table(v_table);
  perform ledger.attach_restored(v_partition);
  v_count := ledger_guard.admit_restored(v_table);
  execute format('alter table %s alter xact_id set default pg_current_xact_id()', v_table);
  update ledger.partitions as p
  set tier = 'archive', moved_at = clock_timestamp()
  where p.partition_name = v_partition.partition_name;

  select d.* into strict v_drop
  from ledger.cold_drops as d
  where d.partition_name = v_partition.partition_name
  order by d.dropped_at desc
  limit 1;
  perform ledger.record_move(
    v_partition, 'archive',
    jsonb_build_object(
      'row_count', v_count,
      'file_name', (
        select f.file_name from ledger.cold_files as f
        where f.partition_name = v_drop.partition_name and f.file_sha256 = v_drop.file_sha256
      ),
      'file_sha256', encode(v_drop.file_sha256, 'hex'),
      'file_format', 'parquet'
    )
  );
  return v_count;
end
$$;

comment on function ledger.finish_restore(name) is
  'Verifies the events that were copied into the table of ledger.begin_restore() against the log '
  'and attaches it to the archive; returns how many there are. LG010 names the first event that '
  'is wrong; then nothing is restored. For operators of every tenant.';
