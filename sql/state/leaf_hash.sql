-- The hash of an event as its tenant's log has it, whether the event is in the database or in a
-- cold file; NULL when it is not sealed.
create or replace function ledger.leaf_hash(tenant_id text, event_id uuid)
returns bytea
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
  select substr(
    coalesce(
      (
        select t.hashes
        from ledger.log_tiles as t
        where t.tenant_id = l.tenant_id and t.level = 0 and t.tile_index = l.position >> 8
      ),
      (
        select g.hashes
        from ledger.log_edges as g
        where g.tenant_id = l.tenant_id and g.level = 0
      )
    ),
    (l.position & 255)::int * 32 + 1,
    32
  )
  from ledger.log_entries as l
  where l.tenant_id = leaf_hash.tenant_id and l.event_id = leaf_hash.event_id
$$;

comment on function ledger.leaf_hash(text, uuid) is
  'Hash of a sealed event, from its tenant''s log.';
