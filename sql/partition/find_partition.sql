-- The manifest's row of a partition of agent_events, locked until the transaction ends: whoever
-- moves, exports or drops the same partition waits.
create or replace function ledger.find_partition(partition_name name)
returns ledger.partitions
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition ledger.partitions;
begin
  select p.* into v_partition
  from ledger.partitions as p
  where p.partition_name = find_partition.partition_name and p.parent_name = 'agent_events'
  for update;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format(
        '%s is no partition of ledger.agent_events',
        coalesce(quote_literal(find_partition.partition_name), 'NULL')
      ),
      hint = 'select * from ledger.partition_status where parent_name = ''agent_events'';';
  end if;
  return v_partition;
end
$$;

comment on function ledger.find_partition(name) is
  'The manifest''s row of a partition of agent_events, locked; LG009 for anything else.';
