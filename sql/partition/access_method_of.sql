-- The access method of a table, by name.
create or replace function ledger.access_method_of(target regclass)
returns name
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select a.amname
  from pg_class as c
  join pg_am as a on a.oid = c.relam
  where c.oid = access_method_of.target
$$;

comment on function ledger.access_method_of(regclass) is
  'Name of the access method of a table; NULL when there is no such table.';
