-- The aggregates with events at some positions of a log, and the last sequence of each there.
create or replace function ledger.log_streams(
  tenant_id text,
  after_position bigint,
  through_position bigint
)
returns table (aggregate_type text, aggregate_id text, sequence bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_from timestamptz;
  v_to timestamptz;
begin
  select min(l.created_at), max(l.created_at) into v_from, v_to
  from ledger.log_entries as l
  where l.tenant_id = log_streams.tenant_id
    and l.position > log_streams.after_position
    and l.position <= log_streams.through_position;
  return query
  select e.aggregate_type, e.aggregate_id, max(e.sequence)
  from ledger.log_entries as l
  cross join lateral (
    select e.aggregate_type, e.aggregate_id, e.sequence
    from ledger.events as e
    where e.tenant_id = l.tenant_id
      and e.created_at between v_from and v_to
      and e.created_at = l.created_at
      and e.id = l.event_id
    offset 0  -- noqa: PRS
  ) as e
  where l.tenant_id = log_streams.tenant_id
    and l.position > log_streams.after_position
    and l.position <= log_streams.through_position
    and e.aggregate_id is not null
  group by e.aggregate_type, e.aggregate_id
  order by e.aggregate_type, e.aggregate_id;
end
$$;

comment on function ledger.log_streams(text, bigint, bigint) is
  'Part of maintain(): aggregates with events at some positions of a log.';
