-- read_log() for folding: a page of the log as events, and the position it reaches. Where no more
-- is found, that is the end of the log as it was, so that the next page does not look there again.
create or replace function ledger.log_page(
  tenant_id text,
  after_position bigint,
  page_size int,
  event_types text[],
  out events ledger.events[],
  out last_position bigint
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_end bigint;
begin
  select h.tree_size - 1 into v_end
  from ledger.log_heads as h
  where h.tenant_id = log_page.tenant_id;
  select
    array_agg(
      row(
        l.tenant_id, l.id, l.created_at, l.run_id, l.trace_id, l.correlation_id, l.causation_id,
        l.event_type, l.schema_version, l.payload, l.deal_id, l.action_id, l.aggregate_type,
        l.aggregate_id, l.sequence, l.actor_type, l.actor_id, l.outcome, l.proof, l.metadata,
        l.occurred_at, l.private_hash, l.prev_hash, l.hash, l.xact_id, l.tier
      )::ledger.events
      order by l.position
    ),
    max(l.position)
  into log_page.events, log_page.last_position
  from ledger.read_log(
    log_page.after_position, log_page.page_size, log_page.event_types,
    tenant_id => log_page.tenant_id
  ) as l;
  if cardinality(log_page.events) = log_page.page_size is not true then
    log_page.last_position := greatest(
      log_page.last_position, v_end, log_page.after_position
    );
  end if;
end
$$;

comment on function ledger.log_page(text, bigint, int, text[]) is
  'Part of replay_log(): the next events of a log, and the position they reach.';
