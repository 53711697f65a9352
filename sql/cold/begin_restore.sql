-- Makes the table that a cold partition is copied back into: of its own, nobody reads it, operators
-- may insert. Its CHECK is the one that archiving makes, so that attaching need not look at the rows.
-- One that a crash left behind is emptied. Commit, COPY, then finish_restore(). The
-- events get the transaction id 0, which is before every seal: what they were written by is not in
-- the file.
create or replace function ledger.begin_restore(partition_name name)
returns regclass
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_partition ledger.partitions;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.require_partition(begin_restore.partition_name, '{cold,dropped}');
  if to_regclass(format('ledger.%I', v_partition.partition_name)) is null then
    perform ledger_guard.open_window('partition');
    execute format(
      'create table ledger.%I (
        like ledger.agent_events_archive including defaults including storage including compression,
        constraint ledger_bounds check (created_at >= %L and created_at < %L)
      )',
      v_partition.partition_name, v_partition.from_time, v_partition.to_time
    );
    execute format(
      'alter table ledger.%I alter xact_id set default ''0''', v_partition.partition_name
    );
  else
    execute format('truncate ledger.%I', v_partition.partition_name);
  end if;
  execute format('grant insert on ledger.%I to ledger_operator', v_partition.partition_name);
  return to_regclass(format('ledger.%I', v_partition.partition_name));
end
$$;

comment on function ledger.begin_restore(name) is
  'Makes the empty table that the events of a cold partition are copied into, all columns but '
  'xact_id; ledger.finish_restore() takes it in. For operators of every tenant.';
