-- Emits what one statement of capture_queue changed, in the context that it was made in, which the
-- caller sets back. The caller takes it out of the queue, too, and has an emit permit: which is not for
-- what only the ledger may say, should somebody have made a trigger with such a prefix.
create or replace function ledger.emit_queued(change ledger.capture_queue)
returns int
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if change.arguments[0] || '.' like 'ledger.%' then
    raise exception using
      errcode = 'LG005',
      message = format('no table is tracked as %s', left(change.arguments[0], 150)),
      hint = 'What begins with ledger. is the ledger''s own.';
  end if;
  perform ledger.swap_context(jsonb_build_object(
    'context', 'on', 'tenant_id', change.tenant_id, 'run_id', change.run_id,
    'trace_id', change.trace_id, 'correlation_id', change.correlation_id,
    'causation_id', change.causation_id, 'actor_type', change.actor_type,
    'actor_id', change.actor_id
  ));
  return ledger.capture_changes(
    change.arguments, change.old_rows, change.new_rows, change.is_mixed, change.captured_at
  );
end
$$;

comment on function ledger.emit_queued(ledger.capture_queue) is
  'Part of emit_captured() and drain_captured(): emits one statement of capture_queue.';
