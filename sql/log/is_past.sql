-- Whether a snapshot is of this cluster's past: only then does it tell what is sealed.
create or replace function ledger.is_past(snapshot pg_snapshot, system_identifier bigint)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  select is_past.system_identifier = ledger.system_identifier()
    and pg_snapshot_xmax(is_past.snapshot) <= pg_snapshot_xmax(pg_current_snapshot());
end;

comment on function ledger.is_past(pg_snapshot, bigint) is
  'Part of seal(): whether a snapshot is of this cluster, and not of its future.';
