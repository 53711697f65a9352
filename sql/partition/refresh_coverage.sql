-- Keeps what is called covered: the stretch around now in which both parents have their partitions
-- without a gap. Stands in partition_settings, and as the constant covered_period(), which is free
-- to look at in emit_event().
create or replace function ledger.refresh_coverage()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_covered record;
begin
  with both_hot as (
    select p.from_time, p.to_time
    from ledger.partitions as p
    where p.tier = 'hot'
    group by p.from_time, p.to_time
    having count(*) = 2
  ),
  marked as (
    select
      b.from_time,
      b.to_time,
      coalesce(b.from_time <> lag(b.to_time) over (order by b.from_time), true) as is_first
    from both_hot as b
  ),
  numbered as (
    select
      m.from_time,
      m.to_time,
      count(*) filter (where m.is_first) over (order by m.from_time) as stretch
    from marked as m
  ),
  covered as (
    select
      min(n.from_time) as from_time,
      max(n.to_time) as to_time
    from numbered as n
    group by n.stretch
  )
  select c.from_time, c.to_time into v_covered
  from covered as c
  where c.from_time <= clock_timestamp() and clock_timestamp() < c.to_time;
  if not found or ledger.covered_period() = tstzrange(v_covered.from_time, v_covered.to_time) then
    return;
  end if;

  update ledger.partition_settings as s
  set covered_from = v_covered.from_time, covered_until = v_covered.to_time;
  perform ledger_guard.open_window('partition');
  execute format(
    'create or replace function ledger.covered_period() returns tstzrange language sql immutable '
    'parallel safe return tstzrange(%L::timestamptz, %L::timestamptz)',
    v_covered.from_time, v_covered.to_time
  );
end
$$;

comment on function ledger.refresh_coverage() is
  'Recomputes the covered time from the manifest; whatever makes or moves partitions calls it.';
