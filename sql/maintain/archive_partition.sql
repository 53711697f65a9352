-- Moves a partition from agent_events to agent_events_archive, where reads find it as before. Its
-- events are sealed and checked first, without a lock; the move itself holds emitters up for 150 ms
-- at most. Each step commits, so call it outside a transaction; it can be called again after
-- whatever stopped it.
create or replace procedure ledger.archive_partition(
  partition_name name,
  max_wait interval default '5 minutes'
)
language plpgsql
as $$
begin
  call ledger.run_steps(
    array['seal', 'add bounds', 'validate bounds', 'prepare archive', 'archive'],
    archive_partition.partition_name,
    archive_partition.max_wait
  );
end
$$;

comment on procedure ledger.archive_partition is
  'Moves a partition of agent_events, an hour after its end or later, to agent_events_archive; '
  'tries for max_wait to get the locks (55P03). Not inside a transaction. For operators of every '
  'tenant.';
