-- Changes the length of the partitions that are made from now on, and how many are made ahead. A
-- shorter interval holds from the next partition on, a longer one when those that exist are used up.
-- Locks emitters out for some milliseconds per partition made ahead; when a reader holds the tables
-- for longer than 100 ms it gives up (55P03): call it again. Commits, so call it outside a
-- transaction.
create or replace procedure ledger.set_partition_interval(
  partition_interval text,
  premake int default null
)
language plpgsql
as $$
begin
  perform ledger.change_partition_interval(
    set_partition_interval.partition_interval, set_partition_interval.premake
  );
  commit;
  perform ledger.ensure_partitions();
end
$$;

comment on procedure ledger.set_partition_interval is
  'Sets the interval (day, week, month) of the partitions made from now on and how many are made '
  'ahead (premake, 0 to 366; NULL = as before). Not inside a transaction. For operators of every '
  'tenant.';
