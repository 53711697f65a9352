-- The tablespace that a table or index is stored in, by name.
create or replace function ledger.tablespace_of(target regclass)
returns name
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select t.spcname
  from pg_class as c
  join pg_database as d on d.datname = current_database()
  join pg_tablespace as t on t.oid = coalesce(nullif(c.reltablespace, 0), d.dattablespace)
  where c.oid = tablespace_of.target
$$;

comment on function ledger.tablespace_of(regclass) is
  'Name of the tablespace of a table or index; NULL when there is no such relation.';
