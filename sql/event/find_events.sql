-- Events by any combination of filters, in time order, page by page. Each call plans a statement
-- that holds the filters given and no others (their values stay parameters), so every combination
-- gets its index and only the partitions that can match. Within a stream, sequence is time order:
-- its index then yields the order.
-- Events lie in time order on disk, so some index always serves: without sequential scans the
-- planner also trusts the Bloom filters of trace_id, whose cost it overrates (59 ms against 6). Nor
-- may it hope to meet a trace soon on the way back through time, as it does for a small page (18 s
-- against 0.2 at ten million events): no index has the order of rows.
-- With upcast the payloads are no more those that hash covers.
create or replace function ledger.find_events(
  tenant_id text default null,
  aggregate_type text default null,
  aggregate_id text default null,
  event_types text[] default null,
  action_prefix text default null,
  actor_type text default null,
  actor_id text default null,
  outcome text default null,
  correlation_id uuid default null,
  run_id uuid default null,
  trace_id uuid default null,
  deal_id uuid default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  after_id uuid default null,
  page_size int default 100,
  newest_first boolean default true,
  upcast boolean default false
)
returns setof ledger.events
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_tenant_id text := coalesce(find_events.tenant_id, ledger.setting('tenant_id'), 'default');
  v_after_time timestamptz := ledger.event_time(find_events.after_id);
  v_is_stream boolean :=
    find_events.aggregate_type is not null and find_events.aggregate_id is not null;
  v_is_trace boolean := find_events.trace_id is not null
    and coalesce(find_events.correlation_id, find_events.run_id, find_events.deal_id) is null;
  v_is_newest_first boolean := coalesce(find_events.newest_first, true);
  v_after_sequence bigint;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  perform ledger.require_page_size(find_events.page_size);
  if find_events.after_id is not null and v_after_time is null then
    raise exception using
      errcode = 'LG009',
      message = format('after_id %s is no event id', find_events.after_id),
      hint = 'after_id is the id of the last event of the previous page.';
  end if;
  if v_is_stream then
    select e.sequence into v_after_sequence
    from ledger.events as e
    where e.tenant_id = v_tenant_id
      and e.created_at = v_after_time
      and e.id = find_events.after_id
      and e.aggregate_type = find_events.aggregate_type
      and e.aggregate_id = find_events.aggregate_id;
  end if;

  return query execute concat_ws(
    ' ',
    case when find_events.upcast then 'select u.* from (select e from' else 'select e.* from' end,
    'ledger.events as e where e.tenant_id = $1',
    case when find_events.aggregate_type is not null then 'and e.aggregate_type = $2' end,
    case when find_events.aggregate_id is not null then 'and e.aggregate_id = $3' end,
    case
      when cardinality(find_events.event_types) = 1 then 'and e.event_type = ($4)[1]'
      when find_events.event_types is not null then 'and e.event_type = any($4)'
    end,
    -- "~" sorts after every character of an event type.
    case
      when find_events.action_prefix is not null
      then 'and e.event_type collate "C" >= $5 and e.event_type collate "C" < $5 || ''~'''
    end,
    case when find_events.actor_type is not null then 'and e.actor_type = $6' end,
    case when find_events.actor_id is not null then 'and e.actor_id = $7' end,
    case when find_events.outcome is not null then 'and e.outcome = $8' end,
    case when find_events.correlation_id is not null then 'and e.correlation_id = $9' end,
    case when find_events.run_id is not null then 'and e.run_id = $10' end,
    case when find_events.trace_id is not null then 'and e.trace_id = $11' end,
    -- A deal's events have the deal as their correlation, which is indexed.
    case
      when find_events.deal_id is not null then 'and e.deal_id = $12 and e.correlation_id = $12'
    end,
    case when find_events.from_time is not null then 'and e.created_at >= $13' end,
    case when find_events.to_time is not null then 'and e.created_at < $14' end,
    -- The comparison of created_at alone is what prunes partitions.
    case
      when find_events.after_id is null then null
      when v_is_newest_first then 'and e.created_at <= $15 and (e.created_at, e.id) < ($15, $16)'
      else 'and e.created_at >= $15 and (e.created_at, e.id) > ($15, $16)'
    end,
    case
      when v_after_sequence is null then null
      when v_is_newest_first then 'and e.sequence < $17'
      else 'and e.sequence > $17'
    end,
    'order by',
    case
      when v_is_stream and v_is_newest_first then 'e.sequence desc'
      when v_is_stream then 'e.sequence'
      when v_is_trace and v_is_newest_first then '(e.created_at, e.id) desc'
      when v_is_trace then '(e.created_at, e.id)'
      when v_is_newest_first then 'e.created_at desc, e.id desc'
      else 'e.created_at, e.id'
    end,
    'limit $18',
    case when find_events.upcast then ') as p cross join lateral ledger.upcast_event(p.e) as u' end
  )
  using
    v_tenant_id, find_events.aggregate_type, find_events.aggregate_id, find_events.event_types,
    find_events.action_prefix, find_events.actor_type, find_events.actor_id, find_events.outcome,
    find_events.correlation_id, find_events.run_id, find_events.trace_id, find_events.deal_id,
    find_events.from_time, find_events.to_time, v_after_time, find_events.after_id,
    v_after_sequence, find_events.page_size;
end
$$;

comment on function ledger.find_events is
  'Events by any combination of filters (NULL = any), newest first, page_size (1 to 10000) at a '
  'time; next page: after_id => id of the last. action_prefix is how the event type begins; '
  'from_time is included, to_time is not; upcast lifts payloads to the current version of their '
  'types.';
