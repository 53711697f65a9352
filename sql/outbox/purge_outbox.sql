-- Drops a partition of the outbox that every relay has delivered; the events stay. One attempt, in the
-- caller's transaction: writers into that partition are locked out while it is read, and everybody
-- who emits waits for 100 ms at most until the locks for the drop are there (55P03 without them).
create or replace function ledger.purge_outbox(partition_name name)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
begin
  perform ledger.require_tenant('*', 'operate');
  if to_regclass('ledger.' || quote_ident(purge_outbox.partition_name)) is not null then
    execute format('lock table only ledger.%I in share mode', purge_outbox.partition_name);
  end if;
  perform ledger.permit_purge(purge_outbox.partition_name);
  perform ledger.lock_partition(purge_outbox.partition_name, 'outbox', 'outbox');
  perform ledger_guard.open_window('partition');
  execute format('drop table ledger.%I', purge_outbox.partition_name);
  update ledger.partitions as p
  set tier = 'dropped', moved_at = clock_timestamp()
  where p.partition_name = purge_outbox.partition_name;
end
$$;

comment on function ledger.purge_outbox(name) is
  'Drops a partition of the outbox, whatever its age, an hour after its end at the earliest: 55000 '
  'while a relay has not delivered all of it. ledger.maintain() calls it when '
  'retention_policy.outbox_for is over. For operators of every tenant.';
