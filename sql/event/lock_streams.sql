-- Locks the heads of all streams that a batch appends to, in the order of their keys, making the
-- missing ones (sequence 0), and returns a time for its first event: now, or later when a head is
-- ahead of the clock. Where one is missing, the locks are let go first: new heads and old ones must
-- come in one order, or two batches could wait for each other.
create or replace function ledger.lock_streams(tenant_id text, events jsonb)
returns timestamptz
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_types text[];
  v_ids text[];
  v_count bigint;
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

  begin
    select h.count, h.last_time into v_count, v_last
    from ledger.lock_heads(lock_streams.tenant_id, v_types, v_ids) as h;
    if v_count < cardinality(v_types) then
      raise no_data_found;
    end if;
  exception when no_data_found then
    perform ledger.begin_streams(lock_streams.tenant_id, v_types, v_ids);
    select h.last_time into v_last
    from ledger.lock_heads(lock_streams.tenant_id, v_types, v_ids) as h;
  end;
  return greatest(clock_timestamp(), v_last + interval '1 microsecond');
end
$$;

comment on function ledger.lock_streams(text, jsonb) is
  'Part of emit_events(): locks the streams of a batch in key order and returns a time later '
  'than all their heads.';
