-- Gives a failed message up: it counts as processed, also if it is delivered again. What it was, who
-- decided and why is kept until purge_inbox() takes it.
create or replace function ledger.discard_failure(
  consumer text,
  event_id uuid,
  reason text,
  tenant_id text default null
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(discard_failure.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_tenant(v_tenant_id, 'operate');
  perform ledger.require_reason('reason', discard_failure.reason);
  -- The inbox first, as accept_event() does: neither deadlocks the other.
  insert into ledger.inbox (tenant_id, consumer, event_id, event_type, processed_at)
  select f.tenant_id, f.consumer, f.event_id, f.event_type, clock_timestamp()
  from ledger.inbox_failures as f
  where f.tenant_id = v_tenant_id
    and f.consumer = discard_failure.consumer
    and f.event_id = discard_failure.event_id
    and f.discarded_at is null
  on conflict do nothing;
  update ledger.inbox_failures as f
  set
    is_dead = true,
    next_attempt_at = null,
    discarded_at = clock_timestamp(),
    discarded_by = ledger.caller(),
    discard_reason = discard_failure.reason
  where f.tenant_id = v_tenant_id
    and f.consumer = discard_failure.consumer
    and f.event_id = discard_failure.event_id
    and f.discarded_at is null;
  if not found then
    perform ledger.refuse_unknown_failure(
      v_tenant_id, discard_failure.consumer, discard_failure.event_id
    );
  end if;
end
$$;

comment on function ledger.discard_failure(text, uuid, text, text) is
  'Gives a message up that a consumer failed to process: it counts as processed. The reason is '
  'kept. For operators.';
