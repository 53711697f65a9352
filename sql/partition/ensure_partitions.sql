-- Makes the current partitions and those of as many intervals ahead as partition_settings.premake
-- says, whatever the length of those that are there. Safe at any time and from several sessions;
-- locks out other partition makers, never writers.
create or replace function ledger.ensure_partitions()
returns int
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_time timestamptz := clock_timestamp();
  v_until timestamptz;
  v_count bigint;
begin
  lock table ledger.partitions in share row exclusive mode;
  v_count := (select count(*) from ledger.partitions);
  select v_time + s.premake * ('1 ' || s.partition_interval)::interval into v_until
  from ledger.partition_settings as s;
  while v_time <= v_until loop
    perform ledger.ensure_partition(v_time);
    v_time := (select b.to_time from ledger.partition_bounds(v_time) as b);
  end loop;
  perform ledger.refresh_coverage();
  return (select count(*) from ledger.partitions) - v_count;
end
$$;

comment on function ledger.ensure_partitions() is
  'Makes the current partitions and partition_settings.premake intervals ahead; returns how '
  'many tables were made. Schedule it daily.';
