-- doctor(): steps of maintenance that failed last time and are still due, and archiving that does
-- not happen.
create or replace function ledger.check_maintenance()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    'error',
    'maintenance failing',
    concat_ws(' ', s.step, s.object),
    format('%s: %s %s', s.finished_at, s.error ->> 'sqlstate', s.error ->> 'message'),
    coalesce(nullif(s.error ->> 'hint', ''), 'select * from ledger.maintenance_steps;')
  from (
    select distinct on (s.step, s.object) s.*
    from ledger.maintenance_steps as s
    where s.finished_at > clock_timestamp() - interval '7 days'
    order by s.step, s.object, s.finished_at desc
  ) as s
  where s.error is not null
    and exists (
      select from ledger.maintenance_plan() as p
      where p.step = s.step and p.object is not distinct from s.object
    )
  union all
  select
    'warning',
    'archiving overdue',
    p.partition_name::text,
    format('It ended %s ago; the retention policy keeps it hot for %s.', p.age, r.hot_for),
    'Schedule it: call ledger.maintain();'
  from ledger.partition_status as p
  cross join ledger.retention_policy as r
  where p.due = 'archive' and p.age > least(r.hot_for, r.warm_for) + interval '2 days'
$$;

comment on function ledger.check_maintenance() is 'The part of doctor() about maintenance.';
