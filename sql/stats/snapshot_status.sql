-- How many snapshots there are and what they save, for the tenants that you may read or operate.
create or replace view ledger.snapshot_status with (security_barrier = true) as
select s.tenant_id, s.aggregate_type, s.snapshots, s.bytes, s.replay_ms, s.last_created_at
from ledger.snapshot_totals as s
where (
  s.tenant_id = any((select ledger.permitted_for_any('{read,operate}'))::text[])
  or '*' = any((select ledger.permitted_for_any('{read,operate}'))::text[])
);

comment on view ledger.snapshot_status is
  'Snapshots per tenant and type of aggregate: how many, their bytes, and replay_ms, the average time '
  'that making one took.';
