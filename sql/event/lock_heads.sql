-- Locks the heads of these streams, in the order given, and tells how many there are and the time of
-- the latest. Each stream is looked up by its key in a sub-select of its own: a join could be
-- planned, while the table is small, as a walk over all of it, and stay so.
create or replace function ledger.lock_heads(
  tenant_id text,
  aggregate_types text[],
  aggregate_ids text[],
  out count bigint,
  out last_time timestamptz
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  select count(*), max(h.created_at) into count, last_time
  from unnest(lock_heads.aggregate_types, lock_heads.aggregate_ids)
    as k (aggregate_type, aggregate_id)
  cross join lateral (
    select s.created_at
    from ledger.streams as s
    where s.tenant_id = lock_heads.tenant_id
      and s.aggregate_type = k.aggregate_type
      and s.aggregate_id = k.aggregate_id
    for update
  ) as h;
end
$$;

comment on function ledger.lock_heads(text, text[], text[]) is
  'Part of emit_events(): locks the heads of streams in the order given.';
