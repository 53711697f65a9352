-- Emits all that waits for streams of a type, before something else may emit to them. The caller holds
-- locks that keep more from coming.
create or replace function ledger.drain_captured(aggregate_type text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_change ledger.capture_queue;
  v_context jsonb := ledger.swap_context('{}');
begin
  perform pg_advisory_xact_lock(hashtextextended('ledger.emit_captured', 7306));
  insert into ledger.emit_permits default values;
  for v_change in
    select * from ledger.capture_queue as q
    where q.arguments[1] = drain_captured.aggregate_type
    order by q.id
  loop
    perform ledger.emit_queued(v_change);
    delete from ledger.capture_queue as q where q.id = v_change.id;
  end loop;
  delete from ledger.emit_permits as p where p.xact_id = pg_current_xact_id();
  perform ledger.swap_context(v_context);
end
$$;

comment on function ledger.drain_captured(text) is
  'Part of track_table(): emits what waits in capture_queue for streams of a type.';
