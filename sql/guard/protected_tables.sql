-- Every table that must carry guards: the listed ones and whatever hangs below the three
-- partitioned ones.
create or replace view ledger_guard.protected_tables as
select c.oid::regclass as target, null::regclass as parent
from unnest(array[
  'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'event_schemas', 'event_private',
  'partitions', 'event_types', 'streams', 'idempotency_keys', 'log_entries', 'log_tiles',
  'log_blocks', 'log_heads', 'log_edges', 'log_sweep', 'legal_holds', 'erasures', 'cold_files',
  'cold_drops', 'cold_ranges', 'outbox_purges', 'inbox',
  'inbox_failures', 'snapshots', 'capture_queue'
]) as listed (table_name)
join pg_catalog.pg_class as c
  on c.relname = listed.table_name and c.relnamespace = pg_catalog.to_regnamespace('ledger')
union all
select i.inhrelid::regclass, i.inhparent::regclass
from pg_catalog.pg_inherits as i
join pg_catalog.pg_class as c on c.oid = i.inhparent
where c.relnamespace = pg_catalog.to_regnamespace('ledger')
  and c.relname in ('agent_events', 'agent_events_archive', 'outbox');

comment on view ledger_guard.protected_tables is
  'Tables and partitions that must carry guard triggers.';
