-- One session at a time makes snapshots of an aggregate, until its transaction ends; the next one
-- then finds them. Locks nobody who reads or emits.
create or replace function ledger.lock_snapshots(
  tenant_id text,
  aggregate_type text,
  aggregate_id text
)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  select pg_advisory_xact_lock(hashtextextended(
    jsonb_build_array('ledger.snapshots', tenant_id, aggregate_type, aggregate_id)::text, 7307
  ))
$$;

comment on function ledger.lock_snapshots(text, text, text) is
  'Part of create_snapshot() and maintain(): waits for others that make snapshots of an aggregate.';
