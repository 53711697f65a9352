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
    select 1 as rank, 'make partitions' as step, null::name as object, null::timestamptz as at_time,
      null::bigint as ordinal
    union all
    select 2, 'emit captured', null, null, null
    where exists (select from ledger.capture_queue)
    union all
    select 3, 'seal', null, null, null
    union all
    select 4, 'count events', null, null, null
    union all
    select 5, s.step, p.partition_name, p.from_time, s.ordinal
    from ledger.partition_status as p
    cross join unnest(
      array['add bounds', 'validate bounds', 'prepare archive', 'archive']
    ) with ordinality as s (step, ordinal)
    where p.due = 'archive'
    union all
    select 6, 'relocate', p.partition_name, p.from_time, null
    from ledger.partition_status as p
    where p.due = 'relocate'
    union all
    select 7, 'purge outbox', p.partition_name, p.from_time, null
    from ledger.partition_status as p
    where p.due = 'purge' and not exists (select from ledger.relays_behind(p.to_time))
    union all
    select 8, 'purge inbox', null, null, null
    from ledger.retention_policy as r
    where exists (
      select from ledger.inbox as i where i.processed_at < clock_timestamp() - r.inbox_for
    )
    union all
    select 9, 'snapshot', null, null, null
    where ledger.has_snapshots_due()
  ) as p
  order by p.rank, p.at_time, p.ordinal
$$;

comment on function ledger.maintenance_plan() is
  'The steps that ledger.maintain() would take now: step, object.';
