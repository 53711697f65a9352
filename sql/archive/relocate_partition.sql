-- Puts an archived partition where the retention policy wants it: another access method, another
-- tablespace. Copies it; readers of this partition wait meanwhile, emitters do not. Gives up (55P03)
-- when somebody reads it for longer than 100 ms.
create or replace function ledger.relocate_partition(partition_name name)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_policy ledger.retention_policy;
  v_table regclass;
  v_stored regclass;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.find_partition(relocate_partition.partition_name);
  if v_partition.tier <> 'archive' then
    return;
  end if;
  select p.* into strict v_policy from ledger.retention_policy as p;
  v_table := format('ledger.%I', v_partition.partition_name);

  perform ledger_guard.open_window('partition');
  execute format('lock table only %s in access exclusive mode', v_table);
  if ledger.access_method_of(v_table) <> v_policy.archive_access_method then
    execute format(
      'alter table %s set access method %I', v_table, v_policy.archive_access_method
    );
  end if;
  for v_stored in
    select v_table
    where ledger.tablespace_of(v_table) <> v_policy.archive_tablespace
    union all
    select i.indexrelid::regclass
    from pg_index as i
    where i.indrelid = v_table
      and ledger.tablespace_of(i.indexrelid) <> v_policy.archive_tablespace
  loop
    -- ALTER TABLE moves indexes, too.
    execute format('alter table %s set tablespace %I', v_stored, v_policy.archive_tablespace);
  end loop;
end
$$;

comment on function ledger.relocate_partition(name) is
  'Moves an archived partition to the tablespace and access method of the retention policy.';
