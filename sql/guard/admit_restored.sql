-- Admits a partition with rows to the maintenance window that attached it: only a cold partition
-- that came back to the archive where it was, and whose every event is what the log says.
-- admit_partitions() asks too, when it is attached; whoever asks second is told the number only.
-- Attached it is guarded: between this look and the commit nobody can change it.
create or replace function ledger_guard.admit_restored(target regclass)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_window ledger_guard.maintenance_windows;
  v_partition ledger.partitions;
  v_count bigint;
begin
  select * into strict v_window from ledger_guard.current_window();
  if admit_restored.target = any(v_window.protected) and not v_window.by_superuser then
    return (
      select d.row_count
      from ledger.cold_drops as d
      join pg_class as c on c.relname = d.partition_name
      where c.oid = admit_restored.target
      order by d.dropped_at desc
      limit 1
    );
  end if;
  select p.* into v_partition
  from ledger.partitions as p
  join pg_class as c on c.relname = p.partition_name
  join pg_inherits as i on i.inhrelid = c.oid
  where c.oid = admit_restored.target
    and c.relnamespace = to_regnamespace('ledger')
    and i.inhparent = to_regclass('ledger.agent_events_archive')
    and pg_get_expr(c.relpartbound, c.oid)
    = format('FOR VALUES FROM (%L) TO (%L)', p.from_time, p.to_time)
    and p.tier in ('cold', 'dropped')
    and exists (select from ledger.cold_drops as d where d.partition_name = p.partition_name);
  if not found then
    raise exception using
      errcode = 'LG001',
      message = format('attaching %s is refused: it is not empty', admit_restored.target),
      hint = 'Rows come into the ledger through ledger.emit_event() only, and back from a cold '
        'file with ledger.finish_restore().';
  end if;
  v_count := ledger.require_restored(v_partition.partition_name);
  update ledger_guard.maintenance_windows as w
  set protected = w.protected || admit_restored.target::oid
  where w.xact_id = v_window.xact_id
    and w.opened_at = v_window.opened_at
    and not w.protected @> array[admit_restored.target::oid];
  return v_count;
end
$$;

comment on function ledger_guard.admit_restored(regclass) is
  'Lets a restored partition with its events into a maintenance window: LG001 for any other '
  'table, LG010 when an event is not what was sealed.';
