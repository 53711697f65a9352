-- Virtual generated columns (PostgreSQL 18) have no value in a trigger: an event would show null.
create or replace function ledger.virtual_columns_of(table_name regclass)
returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(a.attname::text order by a.attnum), '{}')
  from pg_attribute as a
  where a.attrelid = virtual_columns_of.table_name
    and a.attgenerated = 'v'
    and not a.attisdropped
$$;

comment on function ledger.virtual_columns_of(regclass) is
  'Part of track_table(): columns that are computed when they are read.';
