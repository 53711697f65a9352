-- Raises 55000 when a partition holds an event without a position: seal() looks for new events in
-- agent_events only, so none may leave it unsealed. Under the locks of a move it must be quick: it
-- asks about the transactions only that prepare_archive() has not seen over.
create or replace function ledger.refuse_unsealed(partition_name name, since pg_snapshot)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_unsealed bigint;
begin
  if refuse_unsealed.since is null then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s is not prepared for the archive', refuse_unsealed.partition_name),
      hint = format('call ledger.archive_partition(%L);', refuse_unsealed.partition_name);
  end if;

  execute format(
    'select count(*) from ledger.%I as e
    where (
        e.xact_id >= pg_snapshot_xmax($1) or e.xact_id = any(array(select pg_snapshot_xip($1)))
      )
      and not exists (
        select from ledger.log_entries as l
        where l.tenant_id = e.tenant_id and l.event_id = e.id
      )',
    refuse_unsealed.partition_name
  ) into v_unsealed using refuse_unsealed.since;
  if v_unsealed > 0 then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format(
        '%s events of %s are not sealed', v_unsealed, refuse_unsealed.partition_name
      ),
      detail = 'Only what has its position in the log may leave agent_events.',
      hint = 'Seal them (select ledger.seal_all();), then archive again. If they stay: '
        'select * from ledger.verify(...) says what is wrong with them.';
  end if;
end
$$;

comment on function ledger.refuse_unsealed(name, pg_snapshot) is
  'Part of archiving: raises 55000 when a partition holds events that are not sealed.';
