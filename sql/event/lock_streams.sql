-- Locks the heads of all streams that a batch appends to, in the order of their keys, making the
-- missing ones (sequence 0), and returns a time for its first event: now, or later when a head is
-- ahead of the clock. Each stream is looked up by its key in a sub-select of its own: a join could
-- be planned, while the table is small, as a walk over all of it, and stay so.
create or replace function ledger.lock_streams(tenant_id text, events jsonb)
returns timestamptz
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_types text[];
  v_ids text[];
  v_last timestamptz;
begin
  select array_agg(k.aggregate_type), array_agg(k.aggregate_id) into v_types, v_ids
  from (
    select distinct e.aggregate_type, e.aggregate_id
    from jsonb_to_recordset(lock_streams.events) as e (aggregate_type text, aggregate_id text)
    where e.aggregate_type is not null and e.aggregate_id is not null
    order by e.aggregate_type, e.aggregate_id
  ) as k;
  if v_types is null then
    return clock_timestamp();
  end if;

  insert into ledger.streams (tenant_id, aggregate_type, aggregate_id, sequence, created_at)
  select lock_streams.tenant_id, k.aggregate_type, k.aggregate_id, 0, timestamptz '-infinity'
  from unnest(v_types, v_ids) as k (aggregate_type, aggregate_id)
  where length(k.aggregate_type) between 1 and 255
    and length(k.aggregate_id) between 1 and 255
    and (
      select s.sequence
      from ledger.streams as s
      where s.tenant_id = lock_streams.tenant_id
        and s.aggregate_type = k.aggregate_type
        and s.aggregate_id = k.aggregate_id
    ) is null
  on conflict do nothing;

  select max(h.created_at) into v_last
  from unnest(v_types, v_ids) as k (aggregate_type, aggregate_id)
  cross join lateral (
    select s.created_at
    from ledger.streams as s
    where s.tenant_id = lock_streams.tenant_id
      and s.aggregate_type = k.aggregate_type
      and s.aggregate_id = k.aggregate_id
    for update
  ) as h;
  return greatest(clock_timestamp(), v_last + interval '1 microsecond');
end
$$;

comment on function ledger.lock_streams(text, jsonb) is
  'Part of emit_events(): locks the streams of a batch in key order and returns a time later '
  'than all their heads.';
