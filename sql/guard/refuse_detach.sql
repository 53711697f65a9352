-- Event trigger at ddl_command_start: DETACH PARTITION ... CONCURRENTLY commits its first half
-- before ddl_command_end could refuse it. It never runs inside a function or block, so
-- current_query() is the statement itself. It is let through only when it plainly names a table
-- that is not the ledger's; keywords cannot be written in any other way.
create or replace function ledger_guard.refuse_detach()
returns event_trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text[];
begin
  if current_query() !~* 'detach' or current_query() !~* '(concurrently|finalize)' then
    return;
  end if;
  v_name := regexp_match(
    current_query(),
    '^\s*alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?'
    '(?:("?)([a-z_][a-z0-9_]*)\1\s*\.\s*)?("?)([a-z_][a-z0-9_]*)\3\s+detach\s',
    'i'
  );
  if v_name is null
    or lower(v_name[2]) in ('ledger', 'ledger_guard')
    or v_name[2] is null and lower(v_name[4]) in ('agent_events', 'agent_events_archive', 'outbox')
  then
    raise exception using
      errcode = 'LG001',
      message = 'DETACH PARTITION ... CONCURRENTLY is refused: '
        'partitions of the ledger are not detached',
      hint = 'Is the table not the ledger''s? Write ALTER TABLE schema.table DETACH ..., '
        'without comments.';
  end if;
end
$$;

comment on function ledger_guard.refuse_detach() is
  'Event trigger function: LG001 for detaching partitions of the ledger concurrently.';
