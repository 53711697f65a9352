-- The manifest's row of a partition of events, locked until the transaction ends, so that one
-- session at a time exports, drops or restores it. LG009 when there is none, or it is elsewhere.
create or replace function ledger.require_partition(partition_name name, tiers text[])
returns ledger.partitions
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition ledger.partitions;
begin
  select p.* into v_partition
  from ledger.partitions as p
  where p.partition_name = require_partition.partition_name and p.parent_name = 'agent_events'
  for update;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format('there is no partition %s of agent_events', require_partition.partition_name),
      hint = 'select * from ledger.partitions; lists them.';
  end if;
  if v_partition.tier <> all(require_partition.tiers) then
    raise exception using
      errcode = 'LG009',
      message = format(
        'partition %s is %s, not %s', require_partition.partition_name, v_partition.tier,
        array_to_string(require_partition.tiers, ' or ')
      ),
      hint = 'A partition goes from hot to archive (ledger.archive_partition), from there to cold '
        '(ledger.drop_cold), and back (ledger.begin_restore).';
  end if;
  return v_partition;
end
$$;

comment on function ledger.require_partition(name, text[]) is
  'Part of the operations on cold partitions: the partition, locked; LG009 unless it is where it '
  'should be.';
