-- How runs stand, derived from their run.* events: the last one that says something about it
-- decides.
create or replace view ledger.agent_run_status
with (security_barrier = true, security_invoker = true) as
select
  r.tenant_id,
  r.id as run_id,
  r.agent_name,
  case s.event_type
    when 'run.completed' then 'completed'
    when 'run.failed' then 'failed'
    when 'run.paused' then 'paused'
    else 'running'
  end as status,
  r.started_at,
  case when s.event_type in ('run.completed', 'run.failed') then s.created_at end as finished_at,
  case when s.event_type in ('run.completed', 'run.failed') then s.outcome end as outcome,
  r.parent_run_id,
  r.trace_id,
  r.correlation_id,
  (
    select count(*)
    from ledger.events as e
    where e.tenant_id = r.tenant_id
      and e.run_id = r.id
      and e.run_id <> '00000000-0000-0000-0000-000000000000'
      and e.created_at >= r.started_at
  ) as event_count
from ledger.agent_runs as r
left join lateral (
  select e.event_type, e.created_at, e.outcome
  from ledger.events as e
  where e.tenant_id = r.tenant_id
    and e.run_id = r.id
    and e.run_id <> '00000000-0000-0000-0000-000000000000'
    and e.event_type in ('run.started', 'run.paused', 'run.resumed', 'run.completed', 'run.failed')
    and e.created_at >= r.started_at
  order by e.created_at desc
  limit 1
) as s on true
where r.id <> '00000000-0000-0000-0000-000000000000';

comment on view ledger.agent_run_status is
  'Agent runs with their status (running, paused, completed, failed), when they finished and '
  'how many events they have.';
