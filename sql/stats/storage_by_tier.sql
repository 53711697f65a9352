-- Partitions and their size on disk by tier; those of the outbox apart.
create or replace function ledger.storage_by_tier()
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_object_agg(
    s.tier, jsonb_build_object('partitions', s.partitions, 'bytes', s.bytes)
  )
  from (
    select
      case p.parent_name when 'outbox' then 'outbox' else p.tier end as tier,
      count(*) as partitions,
      coalesce(sum(p.bytes), 0) as bytes
    from ledger.partition_status as p
    where not (p.parent_name = 'outbox' and p.tier = 'dropped')
    group by 1
  ) as s
$$;

comment on function ledger.storage_by_tier() is
  'Part of stats(): partitions and bytes by tier (hot, archive, cold, dropped) and of the outbox.';
