-- Guard triggers of these tables that do not do their work, and triggers on them that are not the
-- ledger's. 'demoted': fires only in sessions with session_replication_role = origin (a data-only
-- restore does that).
create or replace function ledger_guard.broken_triggers(targets oid[])
returns table (target regclass, guard text, problem text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with wanted as (
    select
      g.target,
      g.guard,
      g.condition,
      2  -- as pg_trigger.tgtype
      + (g.level = 'row')::int
      + 4 * (g.events like '%insert%')::int
      + 8 * (g.events like '%delete%')::int
      + 16 * (g.events like '%update%')::int
      + 32 * (g.events like '%truncate%')::int as type
    from ledger_guard.guards_of(broken_triggers.targets) as g
    union all
    select i.inhrelid, 'ledger_guard_row', null, 27  -- the parent's row guard, cloned
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhparent
    where i.inhrelid = any(broken_triggers.targets)
      and c.relnamespace = to_regnamespace('ledger')
      and c.relname in ('agent_events', 'agent_events_archive', 'outbox')
  ),
  present as (
    select t.*
    from pg_trigger as t
    where t.tgrelid = any(broken_triggers.targets)
      and (not t.tgisinternal or t.tgname like 'ledger\_guard%')
  ),
  compared as (
    select
      coalesce(w.target, t.tgrelid) as target,
      coalesce(w.guard, t.tgname) as guard,
      case
        when t.tgname is null then 'missing'
        when w.guard is null then 'foreign trigger'
        when t.tgfoid <> 'ledger_guard.refuse_change()'::regprocedure
          or t.tgtype <> w.type
          or t.tgattr <> ''
          or (t.tgqual is null) <> (w.condition is null)
          or w.condition is not null
          and strpos(
            pg_get_triggerdef(t.oid), 'WHEN ((CURRENT_USER <> ''ledger_append''::text))'
          ) = 0
          then 'altered'
        when t.tgenabled in ('D', 'R') then 'disabled'
        when t.tgenabled <> 'A' then 'demoted'
      end as problem
    from wanted as w
    full join present as t on t.tgrelid = w.target and t.tgname = w.guard
  )
  select c.target::regclass, c.guard::text, c.problem from compared as c where c.problem is not null
  union all
  select
    t.tgrelid::regclass,
    t.tgname::text,
    case when t.tgenabled in ('D', 'R') then 'disabled' else 'demoted' end
  from pg_trigger as t
  where t.tgfoid = to_regprocedure('ledger_guard.close_window()') and t.tgenabled <> 'A'
$$;

comment on function ledger_guard.broken_triggers(oid[]) is
  'Guard triggers that are missing, altered, disabled or demoted, and foreign triggers on '
  'protected tables.';
