create or replace function ledger.primary_key_of(table_name regclass)
returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select array_agg(a.attname::text order by k.ordinality)
  from pg_index as i
  cross join unnest(i.indkey::int2[]) with ordinality as k (attnum, ordinality)
  join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
  where i.indrelid = primary_key_of.table_name
    and i.indisprimary
    and k.ordinality <= i.indnkeyatts
$$;

comment on function ledger.primary_key_of(regclass) is
  'Part of track_table(): the columns of a table''s primary key, NULL when it has none.';
