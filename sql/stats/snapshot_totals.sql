-- Snapshots per tenant and type of aggregate.
create or replace view ledger.snapshot_totals as
select
  s.tenant_id,
  s.aggregate_type,
  count(*) as snapshots,
  sum(s.bytes)::bigint as bytes,
  avg(s.replay_ms)::double precision as replay_ms,
  max(s.created_at) as last_created_at
from ledger.snapshots as s
group by s.tenant_id, s.aggregate_type;

comment on view ledger.snapshot_totals is
  'Part of stats(): snapshots per tenant and type of aggregate, their size, and how long the replays '
  'behind them took on average.';
