-- doctor(): messages that consumers gave up on, and failures that nobody tries again.
create or replace function ledger.check_inbox()
returns table (
  tenant_id text, severity text, kind text, object text, detail text, hint text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    f.tenant_id,
    'warning',
    'dead in inbox',
    format('consumer %s of tenant %s', f.consumer, f.tenant_id),
    format(
      '%s, the last at %s: %s',
      count(*), max(f.failed_at),
      left((array_agg(f.last_error order by f.failed_at desc))[1], 200)
    ),
    format(
      'select * from ledger.inbox_status where state = ''dead''; when the reason is gone: '
      'select ledger.requeue_failures(%L, tenant_id => %L);',
      f.consumer, f.tenant_id
    )
  from ledger.inbox_failures as f
  where f.is_dead and f.discarded_at is null
  group by f.tenant_id, f.consumer
  union all
  select
    f.tenant_id,
    'warning',
    'retries overdue',
    format('consumer %s of tenant %s', f.consumer, f.tenant_id),
    format('%s messages are due since %s.', count(*), min(f.next_attempt_at)),
    'Does the consumer run, and call retry_due() (or ledger.claim_failures())?'
  from ledger.inbox_failures as f
  where f.next_attempt_at < clock_timestamp() - interval '1 hour'
  group by f.tenant_id, f.consumer
$$;

comment on function ledger.check_inbox() is
  'The part of doctor() about what consumers failed to process.';
