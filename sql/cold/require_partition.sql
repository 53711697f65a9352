-- A partition of agent_events where it should be, locked in the manifest until the transaction ends;
-- LG009 when it is elsewhere. For ledger_append, too, which may not lock it itself.
create or replace function ledger.require_partition(partition_name name, tiers text[])
returns ledger.partitions
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition ledger.partitions := ledger.find_partition(require_partition.partition_name);
begin
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
