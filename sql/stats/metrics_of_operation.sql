-- metrics(): maintenance, what was captured and is no event yet, checkpoints and verifications that
-- are on record.
create or replace function ledger.metrics_of_operation()
returns table (name text, labels jsonb, value double precision)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with steps as (
    select distinct on (s.step, s.object) s.step, s.error is not null as is_failed
    from ledger.maintenance_steps as s
    where s.finished_at > clock_timestamp() - interval '7 days'
    order by s.step, s.object, s.finished_at desc
  )
  select 'maintenance_failing_steps', '{}'::jsonb, count(*) filter (where s.is_failed)::float8
  from steps as s
  union all
  select
    'maintenance_last_success_timestamp_seconds',
    '{}',
    coalesce(extract(epoch from s.finished_at), 0)
  from (
    select max(s.finished_at) as finished_at
    from ledger.maintenance_steps as s
    where s.step = 'make partitions'
      and s.error is null
      and s.finished_at > clock_timestamp() - interval '31 days'
  ) as s
  union all
  select 'capture_lag_seconds', '{}', coalesce(extract(epoch from clock_timestamp() - q.first), 0)
  from (
    select (
      select q.captured_at from ledger.capture_queue as q order by q.id limit 1
    ) as first
  ) as q
  union all
  select
    'last_checkpoint_timestamp_seconds',
    jsonb_build_object('tenant_id', l.tenant_id),
    extract(epoch from l.created_at)
  from ledger.last_events('ledger.checkpoint_signed') as l
  union all
  select m.name, jsonb_build_object('tenant_id', l.tenant_id), m.value
  from ledger.last_events('ledger.verified') as l
  cross join lateral (values
    ('last_verification_timestamp_seconds', extract(epoch from l.created_at)),
    ('last_verification_failed', (l.outcome is not distinct from 'failure')::int)
  ) as m (name, value)
$$;

comment on function ledger.metrics_of_operation() is
  'Part of metrics(): maintenance, checkpoints and verifications.';
