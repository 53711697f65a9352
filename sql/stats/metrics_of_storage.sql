-- metrics(): partitions, their size and until when there are any, and snapshots.
create or replace function ledger.metrics_of_storage()
returns table (name text, labels jsonb, value double precision)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with status as materialized (
    select p.parent_name, p.tier, p.row_count, p.bytes, p.to_time
    from ledger.partition_status as p
    where p.tier <> 'dropped'
  )
  select m.name, jsonb_build_object('tier', s.tier), m.value
  from (
    select
      s.tier,
      count(*) as partitions,
      sum(coalesce(s.bytes, 0)) as bytes,
      sum(coalesce(s.row_count, 0)) as row_count
    from status as s
    where s.parent_name = 'agent_events'
    group by s.tier
  ) as s
  cross join lateral (values
    ('partitions', s.partitions), ('partition_bytes', s.bytes), ('partition_rows', s.row_count)
  ) as m (name, value)
  union all
  select 'outbox_bytes', '{}', coalesce(sum(s.bytes), 0)
  from status as s
  where s.parent_name = 'outbox'
  union all
  select
    'partitions_ahead_seconds',
    jsonb_build_object('table', s.parent_name),
    extract(epoch from max(s.to_time) - clock_timestamp())
  from status as s
  group by s.parent_name
  union all
  select m.name, '{}', m.value
  from (
    select
      coalesce(sum(t.snapshots), 0) as snapshots,
      coalesce(sum(t.bytes), 0) as bytes,
      coalesce(sum(t.replay_ms * t.snapshots) / nullif(sum(t.snapshots), 0), 0) / 1000 as replay
    from ledger.snapshot_totals as t
  ) as s
  cross join lateral (values
    ('snapshots', s.snapshots::double precision),
    ('snapshot_bytes', s.bytes),
    ('snapshot_replay_seconds', s.replay)
  ) as m (name, value)
$$;

comment on function ledger.metrics_of_storage() is
  'Part of metrics(): partitions, outbox and snapshots.';
