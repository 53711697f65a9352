-- The counts of a range of a tenant's log, as rows of event_counts: positions in order, the event of
-- each by its primary key. Where nothing may be sorted, what is wanted in the order of id comes from
-- that index, whatever statistics say.
create or replace function ledger.count_positions(
  tenant_id text,
  after_position bigint,
  through_position bigint
)
returns setof ledger.event_counts
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
as $$
  select
    count_positions.tenant_id,
    case
      when grouping(e.event_type) = 0 then 'type'
      when grouping(e.outcome) = 0 then 'outcome'
      else 'actor'
    end,
    case
      when grouping(e.hour) = 0 then 'hour'
      when grouping(e.day) = 0 then 'day'
      else 'all'
    end,
    coalesce(e.hour, e.day, '-infinity'),
    coalesce(e.event_type, e.outcome, e.actor),
    count(*),
    sum(e.payload_bytes)::bigint
  from (
    select l.created_at, l.event_id
    from ledger.log_entries as l
    where l.tenant_id = count_positions.tenant_id
      and l.position > count_positions.after_position
      and l.position <= count_positions.through_position
    order by l.position
    offset 0
  ) as l
  cross join lateral (
    select
      date_trunc('hour', o.created_at, 'UTC') as hour,
      date_trunc('day', o.created_at, 'UTC') as day,
      o.event_type::text as event_type,
      coalesce(o.outcome, '') as outcome,
      case
        when o.actor_type is null and o.actor_id is null then ''
        else concat(o.actor_type, ':', o.actor_id)
      end as actor,
      pg_column_size(o.payload)::bigint as payload_bytes
    from ledger.events as o
    where o.tenant_id = count_positions.tenant_id
      and o.created_at = l.created_at
      and o.id between l.event_id and l.event_id
    order by o.id
    offset 0
  ) as e
  group by grouping sets (
    (e.hour, e.event_type), (e.day, e.event_type), (e.event_type),
    (e.hour, e.outcome), (e.day, e.outcome), (e.outcome),
    (e.day, e.actor), (e.actor)
  )
$$;

comment on function ledger.count_positions(text, bigint, bigint) is
  'Part of count_events() and tail_counts(): events at after_position < position <= '
  'through_position, as rows of ledger.event_counts.';
