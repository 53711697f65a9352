-- Records that a consumer failed to process an event, after the transaction that tried has rolled
-- back and in another one. The event is due again after backoff(), or after retry_after where
-- that is longer; it is dead when it has failed max_attempts times (1: at once). NULL when another
-- session has processed the event meanwhile. Locks the event's row here.
create or replace function ledger.fail_event(
  consumer text,
  event_id uuid,
  error text,
  event_type text default null,
  message jsonb default null,
  max_attempts int default 10,
  retry_after interval default null,
  tenant_id text default null
)
returns ledger.inbox_failures
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(fail_event.tenant_id, ledger.setting('tenant_id'), 'default');
  c_min_backoff constant interval := interval '1 second';
  c_max_backoff constant interval := interval '1 hour';
  v_now timestamptz := clock_timestamp();
  v_failure ledger.inbox_failures;
begin
  perform ledger.require_tenant(v_tenant_id, 'consume');
  perform ledger.require_inbox_key(v_tenant_id, fail_event.consumer, fail_event.event_id);
  perform ledger.refuse_failure(
    fail_event.message, fail_event.max_attempts, fail_event.retry_after
  );

  insert into ledger.inbox_failures as f (
    tenant_id, consumer, event_id, event_type, attempts, last_error, failed_at, next_attempt_at,
    is_dead, message
  )
  values (
    v_tenant_id, fail_event.consumer, fail_event.event_id, fail_event.event_type, 1,
    left(coalesce(fail_event.error, ''), 4000), v_now,
    case
      when fail_event.max_attempts > 1 then
        v_now + ledger.backoff(1, c_min_backoff, c_max_backoff, fail_event.retry_after)
    end,
    fail_event.max_attempts = 1, fail_event.message
  )
  on conflict on constraint inbox_failures_pkey do update
  set
    event_type = coalesce(excluded.event_type, f.event_type),
    attempts = f.attempts + 1,
    last_error = excluded.last_error,
    failed_at = excluded.failed_at,
    next_attempt_at = case
      when fail_event.max_attempts > f.attempts + 1 then
        v_now + ledger.backoff(
          f.attempts + 1, c_min_backoff, c_max_backoff, fail_event.retry_after
        )
    end,
    is_dead = fail_event.max_attempts <= f.attempts + 1,
    message = coalesce(excluded.message, f.message)
  where f.discarded_at is null
  returning f.* into v_failure;

  -- Last, and so with what was committed while this session waited for the row.
  if exists (
    select
    from ledger.inbox as i
    where i.tenant_id = v_tenant_id
      and i.consumer = fail_event.consumer
      and i.event_id = fail_event.event_id
  ) then
    delete from ledger.inbox_failures as f
    where f.tenant_id = v_tenant_id
      and f.consumer = fail_event.consumer
      and f.event_id = fail_event.event_id
      and f.discarded_at is null;
    return null;
  end if;
  return v_failure;
end
$$;

comment on function ledger.fail_event(text, uuid, text, text, jsonb, int, interval, text) is
  'Records that a consumer failed to process an event: attempts so far, when it is due again '
  '(doubling from a second to an hour, or retry_after if longer), or that it is dead after '
  'max_attempts. NULL when it was processed meanwhile. Not in the transaction that failed. For '
  'consumers.';
