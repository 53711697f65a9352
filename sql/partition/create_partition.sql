-- Makes one partition of agent_events or outbox, guarded and entered in the manifest; false when
-- there is one already, which the catalog knows even where the transaction's snapshot is too old to
-- see the manifest. ATTACH of an empty table, not CREATE TABLE ... PARTITION OF: that would lock
-- writers out of the parent. Locks out other partition makers only.
create or replace function ledger.create_partition(
  parent_name name,
  from_time timestamptz,
  to_time timestamptz
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_name name :=
    create_partition.parent_name || to_char(create_partition.from_time, '"_p"YYYYMMDD');
begin
  if to_regclass(format('ledger.%I', v_name)) is not null then
    return false;
  end if;

  perform ledger_guard.open_window('partition');
  execute format(
    'create table ledger.%I (
      like ledger.%I including defaults including storage including compression
    )',
    v_name, create_partition.parent_name
  );
  perform ledger.protect_table(format('ledger.%I', v_name)::regclass);
  execute format(
    'alter table ledger.%I attach partition ledger.%I for values from (%L) to (%L)',
    create_partition.parent_name, v_name, create_partition.from_time, create_partition.to_time
  );

  insert into ledger.partitions (partition_name, parent_name, from_time, to_time)
  values (
    v_name, create_partition.parent_name, create_partition.from_time, create_partition.to_time
  );
  return true;
end
$$;

comment on function ledger.create_partition(name, timestamptz, timestamptz) is
  'Makes one guarded partition; ensure_partition() and ensure_partitions() call it.';
