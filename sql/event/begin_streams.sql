-- Makes the heads, at sequence 0, of those of these streams that have none, in the order given. What
-- cannot name a stream gets none: emit_event() says so later. Waits for whoever makes the same.
create or replace function ledger.begin_streams(
  tenant_id text,
  aggregate_types text[],
  aggregate_ids text[]
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  insert into ledger.streams (tenant_id, aggregate_type, aggregate_id, sequence, created_at)
  select begin_streams.tenant_id, k.aggregate_type, k.aggregate_id, 0, timestamptz '-infinity'
  from unnest(begin_streams.aggregate_types, begin_streams.aggregate_ids)
    as k (aggregate_type, aggregate_id)
  where length(k.aggregate_type) between 1 and 255
    and length(k.aggregate_id) between 1 and 255
    and (
      select s.sequence
      from ledger.streams as s
      where s.tenant_id = begin_streams.tenant_id
        and s.aggregate_type = k.aggregate_type
        and s.aggregate_id = k.aggregate_id
    ) is null
  on conflict do nothing;
end
$$;

comment on function ledger.begin_streams(text, text[], text[]) is
  'Part of emit_events(): makes the heads of new streams.';
