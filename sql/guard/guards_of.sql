-- The guards that tables must carry; the one place that says so. protect_table() creates them,
-- broken_triggers() compares them. A table that is not named here is taken for a partition.
--   Row guards also hold when the table hangs below a foreign parent, whose statements do not fire
--   the table's own statement triggers. Statement guards also hold for TRUNCATE and for statements
--   that hit no row.
--   Inserts reach a partition through its parent and do not fire the partition's statement guard:
--   it refuses every direct one.
--   The conditions compare with a text: PostgreSQL reads them from their stored form in every
--   statement, which writes a constant of type name as 64 numbers (9,000 instructions per emit).
--   outbox and capture_queue have no insert trigger (each costs 3 us an event): row-level security
--   lets only ledger_append insert.
create or replace function ledger_guard.guards_of(targets oid[])
returns table (target oid, guard name, events text, level text, condition text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with listed (table_name, guard, events, level, condition) as (values
    ('agent_events', 'ledger_guard_row', 'update or delete', 'row', null),
    ('agent_events', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'agent_events', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('agent_events_archive', 'ledger_guard_row', 'update or delete', 'row', null),
    (
      'agent_events_archive', 'ledger_guard_statement',
      'insert or update or delete or truncate', 'statement', null
    ),
    ('outbox', 'ledger_guard_row', 'update or delete', 'row', null),
    ('outbox', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    ('agent_runs', 'ledger_guard_row', 'update or delete', 'row', null),
    ('agent_runs', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'agent_runs', 'ledger_guard_insert',
      'insert', 'row', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('event_schemas', 'ledger_guard_row', 'update or delete', 'row', null),
    ('event_schemas', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'event_schemas', 'ledger_guard_insert',
      'insert', 'row', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('event_private', 'ledger_guard_row', 'update', 'row', null),
    ('event_private', 'ledger_guard_statement', 'update or truncate', 'statement', null),
    (
      'event_private', 'ledger_guard_delete',
      'delete', 'row', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('erasures', 'ledger_guard_row', 'update or delete', 'row', null),
    ('erasures', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'erasures', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('cold_files', 'ledger_guard_row', 'update or delete', 'row', null),
    ('cold_files', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'cold_files', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('cold_drops', 'ledger_guard_row', 'update or delete', 'row', null),
    ('cold_drops', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'cold_drops', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('outbox_purges', 'ledger_guard_row', 'update or delete', 'row', null),
    ('outbox_purges', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'outbox_purges', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('cold_ranges', 'ledger_guard_row', 'update or delete', 'row', null),
    ('cold_ranges', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'cold_ranges', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('legal_holds', 'ledger_guard_row', 'delete', 'row', null),
    ('legal_holds', 'ledger_guard_statement', 'delete or truncate', 'statement', null),
    (
      'legal_holds', 'ledger_guard_write',
      'insert or update', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('partitions', 'ledger_guard_row', 'delete', 'row', null),
    ('partitions', 'ledger_guard_statement', 'delete or truncate', 'statement', null),
    ('event_types', 'ledger_guard_statement', 'truncate', 'statement', null),
    ('streams', 'ledger_guard_statement', 'truncate', 'statement', null),
    ('idempotency_keys', 'ledger_guard_statement', 'truncate', 'statement', null),
    ('inbox', 'ledger_guard_statement', 'truncate', 'statement', null),
    ('inbox_failures', 'ledger_guard_statement', 'truncate', 'statement', null),
    ('snapshots', 'ledger_guard_row', 'update', 'row', null),
    ('snapshots', 'ledger_guard_statement', 'update or truncate', 'statement', null),
    (
      'snapshots', 'ledger_guard_write',
      'insert or delete', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('capture_queue', 'ledger_guard_statement', 'truncate', 'statement', null),
    (
      'capture_queue', 'ledger_guard_write',
      'update or delete', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('log_entries', 'ledger_guard_row', 'update or delete', 'row', null),
    ('log_entries', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'log_entries', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('log_tiles', 'ledger_guard_row', 'update or delete', 'row', null),
    ('log_tiles', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'log_tiles', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('log_blocks', 'ledger_guard_row', 'update or delete', 'row', null),
    ('log_blocks', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'log_blocks', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('log_heads', 'ledger_guard_statement', 'delete or truncate', 'statement', null),
    (
      'log_heads', 'ledger_guard_write',
      'insert or update', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('log_edges', 'ledger_guard_statement', 'delete or truncate', 'statement', null),
    (
      'log_edges', 'ledger_guard_write',
      'insert or update', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('log_sweep', 'ledger_guard_statement', 'delete or truncate', 'statement', null),
    (
      'log_sweep', 'ledger_guard_write',
      'insert or update', 'statement', $c$current_user <> 'ledger_append'::text$c$
    )
  ),
  named as (
    select c.oid as target, l.guard, l.events, l.level, l.condition
    from listed as l
    join pg_class as c on c.relname = l.table_name
    where c.relnamespace = to_regnamespace('ledger') and c.oid = any(guards_of.targets)
  )
  select n.target, n.guard, n.events, n.level, n.condition from named as n
  union all
  select t.target, p.guard, p.events, p.level, null
  from unnest(guards_of.targets) as t (target)
  cross join (values
    ('ledger_guard_partition_row', 'update or delete', 'row'),
    ('ledger_guard_partition', 'insert or update or delete or truncate', 'statement')
  ) as p (guard, events, level)
  where t.target not in (select n.target from named as n)
$$;

comment on function ledger_guard.guards_of(oid[]) is
  'The guard triggers that tables of the ledger must carry.';
