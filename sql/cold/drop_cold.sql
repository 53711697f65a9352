-- Drops an archived partition whose events are in a file: `agent-events cold drop` has just read
-- that file again and gives what it found. permit_drop() decides. Takes ACCESS EXCLUSIVE on the
-- partition and on agent_events_archive until the transaction ends; waits for them no longer than
-- 100 ms at a time, because whoever came after would wait too, and tries again for max_wait (55P03).
create or replace function ledger.drop_cold(
  partition_name name,
  file_sha256 bytea,
  tenants jsonb,
  checkpoints text[],
  max_wait interval default '0'
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
declare
  v_deadline timestamptz;
begin
  perform ledger.permit_drop(
    drop_cold.partition_name, drop_cold.file_sha256, drop_cold.tenants, drop_cold.checkpoints
  );
  v_deadline := clock_timestamp() + drop_cold.max_wait;
  loop
    begin
      perform ledger.lock_partition(
        drop_cold.partition_name, 'agent_events_archive', 'agent_events_archive'
      );
      exit;
    exception when lock_not_available then
      if clock_timestamp() >= v_deadline then
        raise;
      end if;
    end;
    perform pg_sleep(0.2 + 0.8 * random());
  end loop;

  perform ledger_guard.open_window('partition');
  execute format('drop table ledger.%I', drop_cold.partition_name);
  update ledger.partitions as p
  set tier = 'cold', moved_at = clock_timestamp()
  where p.partition_name = drop_cold.partition_name;
end
$$;

comment on function ledger.drop_cold(name, bytea, jsonb, text[], interval) is
  'Drops an archived partition whose events are in the cold file with this SHA-256. tenants: what '
  'was just recomputed from that file; checkpoints: signed checkpoints that cover its events. '
  'LG010 when anything differs, LG008 under a hold, 55P03 when a lock is not to be had within max_wait. '
  'For operators of every tenant.';
