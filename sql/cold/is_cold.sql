-- Whether an event that is not in the database was sealed and is in a cold file.
create or replace function ledger.is_cold(tenant_id text, event_id uuid)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from ledger.log_entries as l
    join ledger.cold_ranges as r on r.tenant_id = l.tenant_id and r.positions @> l.position
    join ledger.partitions as p on p.partition_name = r.partition_name
    where l.tenant_id = is_cold.tenant_id
      and l.event_id = is_cold.event_id
      and p.tier in ('cold', 'dropped')
  )
$$;

comment on function ledger.is_cold(text, uuid) is
  'Whether an event is in a cold file and no longer in the database.';
