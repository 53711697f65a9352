-- Where the log of a tenant has events that are in cold files and not in the database: in
-- partitions whose drop is on record, and that were not restored since.
create or replace function ledger.cold_positions(tenant_id text)
returns int8multirange
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(range_agg(r.positions), '{}')
  from ledger.cold_ranges as r
  join ledger.partitions as p on p.partition_name = r.partition_name
  where r.tenant_id = cold_positions.tenant_id
    and p.tier in ('cold', 'dropped')
    and exists (
      select from ledger.cold_drops as d
      where d.partition_name = r.partition_name and d.file_sha256 = r.file_sha256
    )
$$;

comment on function ledger.cold_positions(text) is
  'Positions of a tenant''s events that are in cold files only.';
