-- Puts the guards on a table of the ledger or on a partition; call it on a new partition before it
-- is attached. Safe to repeat. Locks the table against writers (SHARE ROW EXCLUSIVE) until the
-- transaction ends.
create or replace function ledger.protect_table(target regclass)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_guard record;
begin
  for v_guard in select * from ledger_guard.guards_of(array[protect_table.target]) loop
    execute format(
      'create or replace trigger %I before %s on %s for each %s %s '
      'execute function ledger_guard.refuse_change()',
      v_guard.guard,
      v_guard.events,
      protect_table.target,
      v_guard.level,
      'when (' || v_guard.condition || ')'
    );
    execute format('alter table %s enable always trigger %I', protect_table.target, v_guard.guard);
  end loop;
end
$$;

comment on function ledger.protect_table(regclass) is
  'Puts the guard triggers on a table or partition of the ledger. Call it on a partition before '
  'attaching it.';
