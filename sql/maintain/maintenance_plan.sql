-- What maintain() would do now, in order; later rooms add their steps here and in
-- maintenance_step().
create or replace function ledger.maintenance_plan()
returns table (step text, object name)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select p.step, p.object
  from (
    select 1 as rank, 'make partitions' as step, null::name as object, null::timestamptz as at_time
    union all
    select 2, 'seal', null, null
    union all
    select 3, s.step, p.partition_name, p.from_time
    from ledger.partition_status as p
    cross join unnest(array['prepare archive', 'validate bounds', 'archive']) as s (step)
    where p.due = 'archive'
    union all
    select 4, 'relocate', p.partition_name, p.from_time
    from ledger.partition_status as p
    where p.due = 'relocate'
  ) as p
  order by
    p.rank, p.at_time, array_position(array['prepare archive', 'validate bounds', 'archive'], p.step)
$$;

comment on function ledger.maintenance_plan() is
  'The steps that ledger.maintain() would take now: step, object.';
