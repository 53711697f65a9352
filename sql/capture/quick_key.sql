-- The key column of a table whose rows queue_changes() need not look at closely: a primary key of one
-- column, of a type whose text is never longer than aggregate_id may be; and no tenants of their own.
-- '' for other tables.
create or replace function ledger.quick_key(
  table_name regclass,
  key_columns text[],
  tenant_column text
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(min(a.attname), '')
  from pg_attribute as a
  where a.attrelid = quick_key.table_name
    and array[a.attname::text] = quick_key.key_columns
    and quick_key.key_columns = ledger.primary_key_of(quick_key.table_name)
    and quick_key.tenant_column is null
    and a.atttypid = any(
      '{smallint,integer,bigint,uuid,date,timestamp,timestamptz,boolean}'::regtype[]
    )
$$;

comment on function ledger.quick_key(regclass, text[], text) is
  'Part of track_table(): the key column, where rows of the table need no closer look.';
