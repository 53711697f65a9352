create or replace function ledger.own_triggers(table_name regclass)
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select format('%I of %s', g.tgname, r)
  from ledger.tracked_relations(own_triggers.table_name) as r
  join pg_trigger as g on g.tgrelid = r
  where not g.tgisinternal
    and not exists (
      select from ledger.capture_triggers() as t where t.trigger_name = g.tgname
    )
$$;

comment on function ledger.own_triggers(regclass) is
  'Part of track_table(): the triggers of a table, and its partitions, that the ledger did not make.';
