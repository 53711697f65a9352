-- Moves an archived partition back to agent_events. Readers of the archive wait for 150 ms at most;
-- emitters do not.
create or replace procedure ledger.restore_partition(
  partition_name name,
  max_wait interval default '5 minutes'
)
language plpgsql
as $$
begin
  call ledger.run_steps(
    array['restore'], restore_partition.partition_name, restore_partition.max_wait
  );
end
$$;

comment on procedure ledger.restore_partition is
  'Moves an archived partition back to agent_events; tries for max_wait to get the locks (55P03). '
  'Not inside a transaction. For operators of every tenant.';
