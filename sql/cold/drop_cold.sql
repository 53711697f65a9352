-- Drops an archived partition whose events are in a file: `agent-events cold drop` has just read
-- that file again and gives what it found. permit_drop() decides. Waits for no lock longer than
-- 100 ms (55P03: try again), because whoever came after would wait too; then takes ACCESS EXCLUSIVE
-- on the partition and on agent_events_archive until the transaction ends.
create or replace function ledger.drop_cold(
  partition_name name,
  file_sha256 bytea,
  tenants jsonb,
  checkpoints text[]
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
begin
  perform ledger.permit_drop(
    drop_cold.partition_name, drop_cold.file_sha256, drop_cold.tenants, drop_cold.checkpoints
  );
  perform ledger_guard.open_window('partition');
  execute format('drop table ledger.%I', drop_cold.partition_name);
  update ledger.partitions as p
  set tier = 'cold', moved_at = clock_timestamp()
  where p.partition_name = drop_cold.partition_name;
end
$$;

comment on function ledger.drop_cold(name, bytea, jsonb, text[]) is
  'Drops an archived partition whose events are in the cold file with this SHA-256. tenants: what '
  'was just recomputed from that file; checkpoints: signed checkpoints that cover its events. '
  'LG010 when anything differs, LG008 under a hold, 55P03 when a lock is not to be had: try again. '
  'For operators of every tenant.';
