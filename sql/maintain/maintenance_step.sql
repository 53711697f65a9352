-- One step, in the caller's transaction; true when it did a batch of its work and more is left, for
-- another transaction. One at a time: who finds another at work is told so (LG013) and leaves it to
-- the other. The lock goes with the transaction, so that nothing is left behind by a runner that was
-- cancelled or killed.
create or replace function ledger.maintenance_step(step text, object name default null)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_batch constant int := 20000;
  c_captured constant int := 5000; -- whose streams are locked until they are committed
  c_started_at constant timestamptz := clock_timestamp();
  v_count int;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('ledger.maintain', 7306)) then
    raise exception using
      errcode = 'LG013',
      message = 'other maintenance is running',
      hint = 'It does what is due; look at ledger.maintenance_steps, or try again later.';
  end if;

  case maintenance_step.step
    when 'make partitions' then perform ledger.ensure_partitions();
    when 'emit captured' then -- which ends by itself after half a second
      v_count := ledger.emit_captured(c_captured);
      return v_count >= c_captured
        or v_count > 0 and clock_timestamp() >= c_started_at + interval '500 ms';
    when 'seal' then perform ledger.seal_all();
    when 'add bounds' then perform ledger.add_bounds(maintenance_step.object);
    when 'validate bounds' then perform ledger.validate_bounds(maintenance_step.object);
    when 'prepare archive' then perform ledger.prepare_archive(maintenance_step.object);
    when 'archive' then perform ledger.move_partition(maintenance_step.object, 'archive');
    when 'restore' then perform ledger.move_partition(maintenance_step.object, 'hot');
    when 'relocate' then perform ledger.relocate_partition(maintenance_step.object);
    when 'purge outbox' then perform ledger.purge_outbox(maintenance_step.object);
    when 'purge inbox' then return ledger.purge_inbox(max_rows => c_batch) = c_batch;
    when 'snapshot' then return ledger.make_snapshots(c_batch);
    when 'count events' then return ledger.count_events(max_events => c_batch) = c_batch;
  end case;
  return false;
end
$$;

comment on function ledger.maintenance_step(text, name) is
  'Part of maintain(): one step, or a batch of it (true: more is left); LG013 while another session '
  'does one.';
