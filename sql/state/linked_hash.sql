-- The hash of a stream's event that is not in the database, as what came after it says: the next
-- event, else the head. Where that is cold too, nothing says.
create or replace function ledger.linked_hash(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  sequence bigint,
  created_at timestamptz
)
returns bytea
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
  select coalesce(
    (
      select e.prev_hash
      from ledger.events as e
      where e.tenant_id = linked_hash.tenant_id
        and e.aggregate_type = linked_hash.aggregate_type
        and e.aggregate_id = linked_hash.aggregate_id
        and e.sequence = linked_hash.sequence + 1
        and e.created_at > linked_hash.created_at
    ),
    (
      select s.hash
      from ledger.streams as s
      where s.tenant_id = linked_hash.tenant_id
        and s.aggregate_type = linked_hash.aggregate_type
        and s.aggregate_id = linked_hash.aggregate_id
        and s.sequence = linked_hash.sequence
    )
  )
$$;

comment on function ledger.linked_hash(text, text, text, bigint, timestamptz) is
  'Part of snapshot_problem(): hash of an event in a cold file, as its stream goes on from it.';
