-- Attaches the table of begin_restore() to the archive, with its bounds. What PostgreSQL refuses
-- then, such as an event twice or of another time, is told as what it is: a wrong file.
create or replace function ledger.attach_restored(partition ledger.partitions)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_detail text;
begin
  execute format(
    'alter table ledger.agent_events_archive attach partition ledger.%I for values from (%L) to (%L)',
    (partition).partition_name, (partition).from_time, (partition).to_time
  );
exception when unique_violation or check_violation or not_null_violation then
  get stacked diagnostics v_detail = pg_exception_detail;
  if sqlstate = '23514' then
    execute format(
      'select format(''The first is event %%s of tenant %%s, of %%s.'', e.id, e.tenant_id, e.created_at)
      from ledger.%I as e
      where e.created_at not between %L and %L
      order by e.created_at, e.id
      limit 1',
      (partition).partition_name, (partition).from_time,
      (partition).to_time - interval '1 microsecond'
    ) into v_detail;
  end if;
  raise exception using
    errcode = 'LG010',
    message = format(
      'partition %s is not what was dropped: %s', (partition).partition_name, sqlerrm
    ),
    detail = v_detail,
    hint = 'Nothing was restored. `agent-events cold verify` tells what is wrong with the file.';
end
$$;

comment on function ledger.attach_restored(ledger.partitions) is
  'Part of finish_restore(): attaches the partition; LG010 when its rows cannot be.';
