-- Raises LG001 when the transaction has broken a guard that was whole when its window opened, or
-- (at_commit) left a partition detached or a table renamed. Looks at what a command has touched, so
-- that its price does not grow with the number of partitions; at commit at all that was. A partition
-- that the window attached may wait for its guards while it is empty, until commit.
create or replace function ledger_guard.check_window(
  at_commit boolean,
  touched oid[] default null
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_window ledger_guard.maintenance_windows;
  v_broken record;
begin
  select * into strict v_window from ledger_guard.current_window();
  if check_window.at_commit then
    touched := ledger_guard.window_targets(v_window);
  else
    touched := check_window.touched || ledger_guard.new_partitions();
  end if;

  select b.target, b.guard, b.problem into v_broken
  from ledger_guard.broken_guards(check_window.touched) as b
  where not format('%s %s', b.target, b.guard) = any(v_window.broken_guards)
    and (
      check_window.at_commit
      or not v_window.by_superuser
      and b.problem <> 'demoted'
      and (
        b.problem <> 'missing'
        or pg_relation_size(b.target) > 0
        or b.target::oid = any(v_window.protected) and not b.target::oid = any(v_window.admitted)
      )
    )
  limit 1;
  if found then
    raise exception using
      errcode = 'LG001',
      message = format(
        'guard %s on %s would be %s', v_broken.guard, v_broken.target, v_broken.problem
      ),
      detail = format(
        'Maintenance window: %s, opened by %s.', v_window.purpose, v_window.opened_by
      ),
      hint = 'Guard new partitions with ledger.protect_table(); mend old ones with '
        'ledger.repair_guards().';
  end if;

  if check_window.at_commit and not v_window.by_superuser then
    select t.oid into v_broken
    from unnest(v_window.protected) as t (oid)
    where not exists (select from ledger_guard.protected_tables as p where p.target = t.oid)
      and (
        not ledger_guard.is_permitted_drop(t.oid)
        or exists (select from pg_class as c where c.oid = t.oid)
      )
    limit 1;
    if found then
      raise exception using
        errcode = 'LG001',
        message = format('%s would be detached or renamed', v_broken.oid::regclass),
        hint = 'Attach it to ledger.agent_events or ledger.agent_events_archive in the same '
          'transaction.';
    end if;
  end if;
end
$$;

comment on function ledger_guard.check_window(boolean, oid[]) is
  'Raises LG001 when the current maintenance window leaves the ledger less guarded than it '
  'found it.';
