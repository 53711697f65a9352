-- Locks a partition and its parent against everybody, and the parent it is going to against other
-- partition makers, until the transaction ends. Whoever wants the old parent queues behind us, so we
-- wait for it no longer than lock_timeout, and for the others not at all: an attempt that fails
-- (55P03) has held nobody up for longer than that. ONLY: the other partitions stay free.
create or replace function ledger.lock_partition(
  partition_name name,
  old_parent name,
  new_parent name
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
begin
  execute format('lock table only ledger.%I in access exclusive mode', lock_partition.old_parent);
  execute format(
    'lock table only ledger.%I in access exclusive mode nowait', lock_partition.partition_name
  );
  execute format(
    'lock table only ledger.%I in share update exclusive mode nowait', lock_partition.new_parent
  );
end
$$;

comment on function ledger.lock_partition(name, name, name) is
  'Part of moving a partition: takes its locks, or gives up after 100 ms (55P03).';
