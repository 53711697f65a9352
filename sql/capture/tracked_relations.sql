-- The relations that must carry the triggers of a tracked table: itself, and all its partitions,
-- because a statement on a partition fires the partition's triggers only.
create or replace function ledger.tracked_relations(table_name regclass)
returns setof regclass
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select c.oid::regclass
  from pg_class as c
  where c.oid = tracked_relations.table_name
  union
  select t.relid
  from pg_partition_tree(tracked_relations.table_name) as t
  join pg_class as c on c.oid = t.relid
  where c.relkind in ('r', 'p')
$$;

comment on function ledger.tracked_relations(regclass) is
  'The table and its partitions: what must carry the triggers of a tracked table.';
