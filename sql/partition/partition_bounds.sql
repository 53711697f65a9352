-- The partition that a time belongs to: the one there is, else day, week (from Monday) or month as
-- the settings say, cut short where a neighbour made under another interval begins or ends. Always
-- midnight UTC, whatever the session's zone.
create or replace function ledger.partition_bounds(
  at_time timestamptz,
  out from_time timestamptz,
  out to_time timestamptz
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
#variable_conflict use_column
begin
  select p.from_time, p.to_time
  into partition_bounds.from_time, partition_bounds.to_time
  from ledger.partitions as p
  where p.from_time <= partition_bounds.at_time and partition_bounds.at_time < p.to_time
  limit 1;

  if not found then
    select
      greatest(
        date_trunc(s.partition_interval, partition_bounds.at_time),
        (
          select max(p.to_time) from ledger.partitions as p
          where p.to_time <= partition_bounds.at_time
        )
      ),
      least(
        date_trunc(s.partition_interval, partition_bounds.at_time)
        + ('1 ' || s.partition_interval)::interval,
        (
          select min(p.from_time) from ledger.partitions as p
          where p.from_time > partition_bounds.at_time
        )
      )
    into partition_bounds.from_time, partition_bounds.to_time
    from ledger.partition_settings as s;
  end if;
end
$$;

comment on function ledger.partition_bounds(timestamptz) is
  'Bounds of the partition that holds, or would hold, the events of that time.';
