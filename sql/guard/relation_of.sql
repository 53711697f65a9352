-- The table, index, view or sequence that a catalog object is, or is part of; NULL for others. An
-- index counts as its table.
create or replace function ledger_guard.relation_of(classid oid, objid oid)
returns oid
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case relation_of.classid
    when 'pg_class'::regclass then coalesce(
      (select i.indrelid from pg_index as i where i.indexrelid = relation_of.objid),
      relation_of.objid
    )
    when 'pg_trigger'::regclass
      then (select t.tgrelid from pg_trigger as t where t.oid = relation_of.objid)
    when 'pg_rewrite'::regclass
      then (select r.ev_class from pg_rewrite as r where r.oid = relation_of.objid)
    when 'pg_policy'::regclass
      then (select p.polrelid from pg_policy as p where p.oid = relation_of.objid)
  end
$$;

comment on function ledger_guard.relation_of(oid, oid) is
  'The relation that a catalog object is, or is part of; NULL for other objects.';
