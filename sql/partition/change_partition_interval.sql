-- Changes the interval in the settings and cuts down to it what was made ahead, is still to come and
-- is empty. Locks emitters out for some milliseconds per partition that is cut down; gives up (55P03)
-- when a reader holds the tables for longer than 100 ms.
create or replace function ledger.change_partition_interval(
  partition_interval text,
  premake int default null
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_partition record;
begin
  perform ledger.require_tenant('*', 'operate');
  if change_partition_interval.partition_interval = any('{day,week,month}') is not true
    or change_partition_interval.premake not between 0 and 366
  then
    raise exception using
      errcode = 'LG009',
      message = format(
        'partitions of a %L, %s ahead, cannot be made',
        change_partition_interval.partition_interval,
        coalesce(change_partition_interval.premake::text, 'as many as before')
      ),
      hint = 'partition_interval is day, week or month; premake is from 0 to 366.';
  end if;

  lock table ledger.partitions in share row exclusive mode;
  update ledger.partition_settings as s
  set
    partition_interval = change_partition_interval.partition_interval,
    premake = coalesce(change_partition_interval.premake, s.premake);

  perform ledger_guard.open_window('partition');
  for v_partition in
    select p.partition_name, p.parent_name, p.from_time, c.to_time
    from ledger.partitions as p
    cross join lateral (
      select date_trunc(change_partition_interval.partition_interval, p.from_time)
        + ('1 ' || change_partition_interval.partition_interval)::interval as to_time
    ) as c
    where p.tier = 'hot' and p.from_time > clock_timestamp() and c.to_time < p.to_time
    order by p.parent_name, p.from_time
  loop
    perform ledger.shorten_partition(
      v_partition.partition_name, v_partition.parent_name, v_partition.from_time,
      v_partition.to_time
    );
  end loop;
  perform ledger.refresh_coverage();
end
$$;

comment on function ledger.change_partition_interval(text, int) is
  'Part of ledger.set_partition_interval(): the settings, and the partitions still to come.';
