-- Whether the caller's transaction is the one that processes the event: true for the first, false
-- ever after. What the transaction then writes and the inbox row commit together, or neither does:
-- exactly once, however often the message is delivered.
--
-- Where another transaction has accepted the event and is not over, this one waits: it gets false
-- when the other commits, true when that rolls back. Under REPEATABLE READ and SERIALIZABLE an
-- acceptance that committed after the caller's snapshot is a serialization failure (40001): the
-- transaction has to be run again, and gets false then. Locks nothing else; who accepts several
-- events in one transaction does so in one order, or two of them may deadlock (40P01).
create or replace function ledger.accept_event(
  consumer text,
  event_id uuid,
  event_type text default null,
  tenant_id text default null
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(accept_event.tenant_id, ledger.setting('tenant_id'), 'default');
  v_is_first boolean;
begin
  perform ledger.require_tenant(v_tenant_id, 'consume');
  perform ledger.require_inbox_key(v_tenant_id, accept_event.consumer, accept_event.event_id);
  insert into ledger.inbox (tenant_id, consumer, event_id, event_type, processed_at)
  values (
    v_tenant_id, accept_event.consumer, accept_event.event_id, accept_event.event_type,
    clock_timestamp()
  )
  on conflict do nothing;
  v_is_first := found;
  -- Also when it is not the first: a failure may have been recorded while another one succeeded.
  delete from ledger.inbox_failures as f
  where f.tenant_id = v_tenant_id
    and f.consumer = accept_event.consumer
    and f.event_id = accept_event.event_id
    and f.discarded_at is null;
  return v_is_first;
end
$$;

comment on function ledger.accept_event(text, uuid, text, text) is
  'Call it first in the transaction that processes an event: true once per consumer and event, '
  'false for a duplicate. 40001 above READ COMMITTED when another transaction was faster. For '
  'consumers.';
