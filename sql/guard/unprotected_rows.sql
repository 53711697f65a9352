-- Tables whose row-level security is off or does not bind the owner.
create or replace function ledger_guard.unprotected_rows()
returns setof regclass
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select c.oid::regclass
  from pg_class as c
  where c.relnamespace = to_regnamespace('ledger')
    and c.relname in (
      'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'event_private', 'streams',
      'idempotency_keys', 'event_types', 'event_schemas', 'tenants', 'tenant_grants',
      'log_heads', 'log_edges', 'log_entries', 'log_tiles', 'log_blocks', 'log_sweep',
      'legal_holds', 'erasures', 'cold_files', 'cold_drops', 'cold_ranges',
      'relays', 'relay_cursors', 'relay_parked', 'relay_confirmations', 'outbox_purges',
      'inbox', 'inbox_failures', 'subscription_cursors', 'upcasters',
      'reducers', 'snapshots', 'snapshot_cursors', 'snapshot_failures',
      'event_counts', 'count_cursors', 'emit_permits', 'capture_queue'
    )
    and not (c.relrowsecurity and c.relforcerowsecurity)
$$;

comment on function ledger_guard.unprotected_rows() is
  'Tables without (forced) row-level security.';
