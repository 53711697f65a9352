-- Everything that keeps the ledger's tables append-only and does not, and whatever could work
-- around it.
create or replace function ledger_guard.broken_guards()
returns table (target regclass, guard text, problem text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select t.target, t.guard, t.problem from ledger_guard.broken_triggers() as t
  union all
  select t, 'row-level security', 'disabled' from ledger_guard.unprotected_rows() as t
  union all
  select r.ev_class::regclass, r.rulename::text, 'foreign rule'
  from ledger_guard.protected_tables as p
  join pg_rewrite as r on r.ev_class = p.target
  union all
  select f.target, f.part, 'foreign code' from ledger_guard.foreign_code() as f
$$;

comment on function ledger_guard.broken_guards() is
  'Guards that are missing, altered, disabled or demoted, and foreign triggers, rules and code '
  'on the ledger''s tables.';
