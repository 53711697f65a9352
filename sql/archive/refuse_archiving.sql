-- Raises 55000 unless a partition may be archived: it is hot, and ended an hour ago at least.
-- emit_event() takes its time before it waits for the stream's head: without that hour a call that
-- waited over midnight would find its partition gone.
create or replace function ledger.refuse_archiving(partition ledger.partitions)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition ledger.partitions := refuse_archiving.partition;
begin
  if v_partition.tier <> 'hot' then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s is not hot', v_partition.partition_name),
      detail = format('It is in tier %s.', v_partition.tier),
      hint = 'select * from ledger.partition_status;';
  elsif v_partition.to_time > clock_timestamp() - interval '1 hour' then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s still takes events', v_partition.partition_name),
      detail = format('It ends at %s.', v_partition.to_time),
      hint = 'A partition can be archived an hour after its end.';
  end if;
end
$$;

comment on function ledger.refuse_archiving(ledger.partitions) is
  'Part of archiving: raises 55000 unless a partition may be archived.';
