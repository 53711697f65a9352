-- What consumers could not process, without the messages: operators and auditors need not read them,
-- so they have no privilege on the table, and the view, which reads it as its owner, says itself whose
-- rows they see.
create or replace view ledger.inbox_status
with (security_barrier = true) as
select
  f.tenant_id,
  f.consumer,
  f.event_id,
  f.event_type,
  case
    when f.discarded_at is not null then 'discarded'
    when f.is_dead then 'dead'
    when f.next_attempt_at <= clock_timestamp() then 'due'
    else 'waiting'
  end as state,
  f.attempts,
  f.last_error,
  f.failed_at,
  f.next_attempt_at,
  f.is_dead,
  f.discarded_at,
  f.discarded_by,
  f.discard_reason
from ledger.inbox_failures as f
where array[f.tenant_id, '*'] && (
  select
    ledger.permitted_tenants('consume')
    || ledger.permitted_tenants('operate')
    || ledger.permitted_tenants('audit')
);

comment on view ledger.inbox_status is
  'Events that a consumer failed to process: state is due, waiting (until next_attempt_at), dead '
  'or discarded. ledger.requeue_failures() and ledger.discard_failure() decide about dead ones.';
