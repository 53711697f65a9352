-- In a maintenance window: a table that was just attached must be empty, because rows that come in
-- by ATTACH are forged history; or a cold partition that came back, event by event as it was.
-- Remembers it, so that events written to it in the same transaction are no surprise.
create or replace function ledger_guard.admit_partitions()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_window ledger_guard.maintenance_windows;
  v_new oid[] := ledger_guard.new_partitions();
begin
  if v_new = '{}' then
    return;
  end if;
  select * into strict v_window from ledger_guard.current_window();
  perform ledger_guard.admit_restored(t.oid)
  from unnest(v_new) as t (oid)
  where not v_window.by_superuser
    and (
      pg_relation_size(t.oid) > 0
      or exists (
        select
        from ledger.partitions as p
        join pg_class as c on c.relname = p.partition_name
        where c.oid = t.oid
          and c.relnamespace = to_regnamespace('ledger')
          and p.tier in ('cold', 'dropped')
      )
    );

  update ledger_guard.maintenance_windows as w
  set protected = v_window.protected || v_new, admitted = w.admitted || v_new
  where w.xact_id = v_window.xact_id and w.opened_at = v_window.opened_at;
end
$$;

comment on function ledger_guard.admit_partitions() is
  'Raises LG001 when a maintenance window attached a table that holds rows, unless they are those '
  'of a cold partition.';
