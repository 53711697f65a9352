-- The next page of a stream, complete or refused (LG016); NULL after its end, or when nothing more
-- was created by through_time. after_time, when the event before was created, keeps older
-- partitions out of the plan.
create or replace function ledger.next_events(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  after_sequence bigint,
  after_time timestamptz,
  through_sequence bigint,
  through_time timestamptz,
  upcast boolean,
  page_size int
)
returns ledger.events[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_sort = off
as $$
declare
  v_through bigint;
  v_events ledger.events[];
begin
  select least(
    s.sequence, next_events.through_sequence, next_events.after_sequence + next_events.page_size
  )
  into v_through
  from ledger.streams as s
  where s.tenant_id = next_events.tenant_id
    and s.aggregate_type = next_events.aggregate_type
    and s.aggregate_id = next_events.aggregate_id;
  if v_through > next_events.after_sequence is not true then
    return null;
  end if;

  select array_agg(e.event order by e.sequence)
  into v_events
  from (
    select e.sequence, e as event
    from ledger.events as e
    where e.tenant_id = next_events.tenant_id
      and e.aggregate_type = next_events.aggregate_type
      and e.aggregate_id = next_events.aggregate_id
      and e.sequence > next_events.after_sequence
      and e.sequence <= v_through
      and e.created_at >= coalesce(next_events.after_time, '-infinity')
    order by e.sequence
    offset 0  -- noqa: PRS
  ) as e;
  if cardinality(v_events) = v_through - next_events.after_sequence is not true then
    perform ledger.refuse_gap(
      next_events.tenant_id, next_events.aggregate_type, next_events.aggregate_id,
      next_events.after_sequence, v_through, v_events
    );
  end if;

  if v_events[cardinality(v_events)].created_at > next_events.through_time then
    select array_agg(e order by e.sequence) into v_events
    from unnest(v_events) as e
    where e.created_at <= next_events.through_time;
  end if;
  if next_events.upcast then
    select array_agg(ledger.upcast_event(e) order by e.sequence) into v_events
    from unnest(v_events) as e;
  end if;
  return v_events;
end
$$;

comment on function ledger.next_events(
  text, text, text, bigint, timestamptz, bigint, timestamptz, boolean, int
) is
  'Part of state_of() and replay(): the next page of a stream; LG016 when events are missing.';
