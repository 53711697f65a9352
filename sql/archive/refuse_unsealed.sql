-- Raises 55000 when a partition holds so many events without a position, which is more than none:
-- seal() looks for new events in agent_events only, so none may leave it unsealed.
create or replace function ledger.refuse_unsealed(partition_name name, unsealed bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if refuse_unsealed.unsealed > 0 then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format(
        '%s events of %s are not sealed', refuse_unsealed.unsealed, refuse_unsealed.partition_name
      ),
      detail = 'Only what has its position in the log may leave agent_events.',
      hint = 'Seal them (select ledger.seal_all();), then archive again. If they stay: '
        'select * from ledger.verify(...) says what is wrong with them.';
  end if;
end
$$;

comment on function ledger.refuse_unsealed(name, bigint) is
  'Part of archiving: raises 55000 when a partition holds events that are not sealed.';
