-- What is tracked, whether all of it still is, and since when changes of deferred tables wait.
create or replace view ledger.tracking_status as
select
  coalesce(c.name, t.table_name) as table_name, t.event_prefix, t.aggregate_type, t.key_columns,
  t.excluded, t.masked, t.tenant_column, t.publish, t.deferred, t.tracked_at, t.tracked_by,
  w.waiting_since, p.problem
from ledger.tracked_tables as t
left join lateral (
  select c.oid::regclass::text as name from pg_catalog.pg_class as c where c.oid = t.table_id
) as c on true
left join lateral (
  select pg_catalog.string_agg(f.problem, '; ' order by f.problem) as problem
  from (
    select 'the table is gone' as problem where c.name is null
    union all
    select pg_catalog.format('column %I is gone', k.name)
    from pg_catalog.unnest(t.key_columns || t.tenant_column) as k (name)
    where c.name is not null
      and k.name is not null
      and not exists (
        select from pg_catalog.pg_attribute as a
        where a.attrelid = t.table_id and a.attname = k.name and not a.attisdropped
      )
    union all
    select pg_catalog.format(
      'trigger %s of %s is %s',
      w.trigger_name, r, case when g.oid is null then 'missing' else 'disabled' end
    )
    from ledger.tracked_relations(t.table_id) as r
    cross join ledger.capture_triggers() as w
    left join pg_catalog.pg_trigger as g
      on g.tgrelid = r
      and g.tgname = w.trigger_name
      and g.tgfoid = pg_catalog.to_regprocedure(
        pg_catalog.format('ledger.%I()', w.function_name)
      )
    where (
        g.oid is null
        and (
          not w.is_for_nesting
          or exists (select from ledger.own_triggers(t.table_id))
        )
      )
      or g.tgenabled in ('D', 'R')
    union all
    select pg_catalog.format('%s inherits from it', i.inhrelid::regclass)
    from pg_catalog.pg_inherits as i
    join pg_catalog.pg_class as child on child.oid = i.inhrelid
    where i.inhparent = t.table_id and not child.relispartition
  ) as f
) as p on true
left join lateral (
  select pg_catalog.min(q.captured_at) as waiting_since
  from ledger.capture_queue as q
  where q.arguments[0] = t.event_prefix
) as w on t.deferred;

comment on view ledger.tracking_status is
  'The tables whose changes are events, and what is wrong with their tracking (NULL: nothing). '
  'waiting_since: the oldest change of a deferred one that is no event yet.';
