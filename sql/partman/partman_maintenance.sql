-- What run_partman() runs as ledger_owner. pg_partman adds whole intervals to the last partition
-- there is, so the ledger first closes a stretch that a changed interval has left
-- (ensure_partition() cuts partitions short), and last whatever gap pg_partman does not see. Waits
-- for a maintenance of pg_partman that is under way, which else would have this one return without
-- doing anything; then locks out other partition makers, never writers, until the transaction ends.
create or replace function ledger.partman_maintenance()
returns int
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_schema constant name := ledger.partman_schema();
  v_interval interval;
  v_last ledger.partitions;
  v_count bigint;
begin
  perform ledger.require_tenant('*', 'operate');
  perform pg_advisory_xact_lock(hashtext('pg_partman run_maintenance'));
  lock table ledger.partitions in share row exclusive mode;
  v_count := (select count(*) from ledger.partitions);
  perform ledger.configure_partman();

  v_interval := (
    select ('1 ' || s.partition_interval)::interval from ledger.partition_settings as s
  );
  perform ledger.ensure_partition(clock_timestamp());
  loop
    select p.* into v_last from ledger.partitions as p
    where p.tier = 'hot'
    order by p.from_time desc
    limit 1;
    exit when v_last.from_time + v_interval = v_last.to_time;
    perform ledger.ensure_partition(v_last.to_time);
  end loop;

  perform ledger_guard.open_window('partition');
  -- pg_partman puts its own schema and pg_temp before what it finds here, so that must not name
  -- pg_catalog, which then comes first of all.
  perform set_config('search_path', 'pg_temp', true);
  execute pg_catalog.format('select %I.run_maintenance($1, $2, $3)', v_schema)
  using 'ledger.agent_events', false, false;
  execute pg_catalog.format('select %I.run_maintenance($1, $2, $3)', v_schema)
  using 'ledger.outbox', false, false;
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

  perform ledger.adopt_partitions();
  perform ledger.ensure_partitions();
  return (select count(*) from ledger.partitions) - v_count;
end
$$;

comment on function ledger.partman_maintenance() is
  'The part of ledger.run_partman() that runs as ledger_owner.';
