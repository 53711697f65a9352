-- Raises 55000 when events came into a partition after prepare_archive() counted them and saw that
-- they are sealed: seal() looks for new events in agent_events only, so none may leave it unsealed.
-- Runs under the locks of a move, so it asks about transactions only that were not over then: two
-- look-ups in the index, each a query of its own, for with an OR between them the planner may read
-- the whole index. Ids that this cluster has not given yet came with a dump.
create or replace function ledger.refuse_late_events(partition_name name, since pg_snapshot)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_late bigint;
begin
  if refuse_late_events.since is null then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s is not prepared for the archive', refuse_late_events.partition_name),
      hint = format('call ledger.archive_partition(%L);', refuse_late_events.partition_name);
  end if;

  execute format(
    'select
      (
        select count(*) from ledger.%1$I as e
        where e.xact_id >= pg_snapshot_xmax($1)
          and e.xact_id < pg_snapshot_xmax(pg_current_snapshot())
      )
      + (
        select count(*) from ledger.%1$I as e
        where e.xact_id = any(array(select pg_snapshot_xip($1)))
      )',
    refuse_late_events.partition_name
  ) into v_late using refuse_late_events.since;
  if v_late > 0 then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format(
        '%s events of %s were committed after the others had been counted',
        v_late, refuse_late_events.partition_name
      ),
      detail = 'Only what has its position in the log may leave agent_events.',
      hint = format('Begin again: call ledger.archive_partition(%L);', refuse_late_events.partition_name);
  end if;
end
$$;

comment on function ledger.refuse_late_events(name, pg_snapshot) is
  'Part of move_partition(): raises 55000 when events came after prepare_archive().';
