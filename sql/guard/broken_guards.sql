-- Everything that keeps the ledger's tables append-only and does not, and whatever could work
-- around it. For all tables, or for those given; of these, one that this transaction's window has
-- seen guarded stays guarded while it is detached.
create or replace function ledger_guard.broken_guards(targets oid[] default null)
returns table (target regclass, guard text, problem text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with guarded as materialized (
    select p.target::oid as target
    from ledger_guard.protected_tables as p
    where broken_guards.targets is null or p.target = any(broken_guards.targets)
    union
    select c.oid
    from ledger_guard.current_window() as w
    join pg_class as c on c.oid = any(broken_guards.targets) and c.oid = any(w.protected)
  )
  select t.target, t.guard, t.problem
  from ledger_guard.broken_triggers(array(select g.target from guarded as g)) as t
  union all
  select t, 'row-level security', 'disabled' from ledger_guard.unprotected_rows() as t
  union all
  select r.ev_class::regclass, r.rulename::text, 'foreign rule'
  from guarded as g
  join pg_rewrite as r on r.ev_class = g.target
  union all
  select f.target, f.part, 'foreign code' from ledger_guard.foreign_code(broken_guards.targets) as f
$$;

comment on function ledger_guard.broken_guards(oid[]) is
  'Guards that are missing, altered, disabled or demoted, and foreign triggers, rules and code '
  'on the ledger''s tables.';
