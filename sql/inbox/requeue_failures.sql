-- Dead messages of a consumer are due again at once, with all their attempts before them: all of the
-- tenant's, or one, which may also be one that only waits. Who processes them is the consumer, with
-- claim_failures(); one without a message only its broker can deliver again.
create or replace function ledger.requeue_failures(
  consumer text,
  event_id uuid default null,
  tenant_id text default null
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(requeue_failures.tenant_id, ledger.setting('tenant_id'), 'default');
  v_count bigint;
begin
  perform ledger.require_tenant(v_tenant_id, 'operate');
  update ledger.inbox_failures as f
  set attempts = 0, is_dead = false, next_attempt_at = clock_timestamp()
  where f.tenant_id = v_tenant_id
    and f.consumer = requeue_failures.consumer
    and f.discarded_at is null
    and (f.event_id = requeue_failures.event_id or (requeue_failures.event_id is null and f.is_dead));
  get diagnostics v_count = row_count;
  if v_count = 0 and requeue_failures.event_id is not null then
    perform ledger.refuse_unknown_failure(
      v_tenant_id, requeue_failures.consumer, requeue_failures.event_id
    );
  end if;
  return v_count;
end
$$;

comment on function ledger.requeue_failures(text, uuid, text) is
  'Makes dead messages of a consumer due again, all of the tenant''s or one; returns how many. For '
  'operators.';
