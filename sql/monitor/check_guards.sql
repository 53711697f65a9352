-- doctor(): guards, row-level security, event triggers.
create or replace function ledger.check_guards()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    'error',
    'guard ' || b.problem,
    format('%s: %s', b.target, b.guard),
    case
      when b.problem like 'foreign%'
        then 'It is not the ledger''s; it could change, swallow or forge rows.'
      when b.problem = 'demoted' then 'It does not fire under session_replication_role = replica.'
      else 'The table is open to changes.'
    end,
    case
      when b.problem like 'foreign%' then 'Find out who made it, then drop it.'
      else 'select ledger.repair_guards(); and find out what changed meanwhile.'
    end
  from ledger_guard.broken_guards() as b
  union all
  select
    'warning',
    'foreign policy',
    format('%s: %I', p.polrelid::regclass, p.polname),
    'This row-level security policy is not the ledger''s; it may show rows of other tenants.',
    'drop policy, if nobody needs it.'
  from pg_policy as p
  join pg_class as c on c.oid = p.polrelid
  where c.relnamespace = to_regnamespace('ledger')
    and p.polname not in ('ledger_append', 'ledger_owner', 'ledger_reader', 'ledger_privacy')
  union all
  select
    'error',
    'event trigger',
    w.name,
    case when e.evtenabled is null then 'It is missing.' else 'It is disabled or demoted.' end,
    'As a superuser: select ledger.repair_guards();'
  from unnest(array[
    'ledger_guard_ddl', 'ledger_guard_detach', 'ledger_guard_drop', 'ledger_guard_rewrite'
  ]) as w (name)
  left join pg_event_trigger as e on e.evtname = w.name
  where e.evtenabled is distinct from 'A'
    and exists (select from pg_event_trigger as any_of where any_of.evtname like 'ledger\_guard%')
  union all
  select
    'info',
    'event triggers',
    'ledger',
    'None: a member of ledger_owner could drop or disable guards; this report would show it.',
    'As a superuser: select ledger_guard.create_event_triggers();'
  where not exists (select from pg_event_trigger as e where e.evtname like 'ledger\_guard%')
$$;

comment on function ledger.check_guards() is
  'The part of doctor() about guards and row-level security.';
