-- Makes events of what waits in capture_queue, oldest first, and takes it out of there: both or
-- neither. In one snapshot: a change that commits meanwhile may be older than one that is emitted
-- already, never than a change of the same row that this snapshot shows. What cannot be emitted stays,
-- with its error, and keeps back what waits for streams of the same type, so that their order holds; a
-- stream that somebody else has locked for 100 ms does so until the next call. Who waits for what this
-- holds looks for a deadlock after a second (deadlock_timeout), and would be its victim if this waited
-- just then: so it hardly waits once it has held locks for half a second. One at a time: a second caller
-- does nothing.
create or replace function ledger.emit_captured(max_events int default 5000)
returns int
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_change ledger.capture_queue;
  v_ids bigint[];
  v_count int;
  v_blocked text[] := array[]::text[];
  v_started_at timestamptz;
  v_context jsonb;
  v_sqlstate text;
  v_message text;
  v_detail text;
  v_hint text;
begin
  perform ledger.require_tenant('*', 'operate');
  if not pg_try_advisory_xact_lock(hashtextextended('ledger.emit_captured', 7306)) then
    return 0;
  end if;
  v_context := ledger.swap_context('{}');
  loop
    v_change := null;
    v_ids := '{}';
    v_count := 0;
    v_started_at := clock_timestamp();
    begin
      insert into ledger.emit_permits default values;
      for v_change in
        select * from ledger.capture_queue as q
        where q.arguments[1] <> all(v_blocked)
        order by q.id
      loop
        v_count := v_count + ledger.emit_queued(v_change);
        v_ids := v_ids || v_change.id;
        exit when v_count >= emit_captured.max_events;
        if clock_timestamp() > v_started_at + interval '500 ms' then
          perform set_config('lock_timeout', '1ms', true);
        end if;
      end loop;
      delete from ledger.capture_queue as q where q.id = any(v_ids);
      delete from ledger.emit_permits as p where p.xact_id = pg_current_xact_id();
      exit;
    exception when others or assert_failure then
      get stacked diagnostics
        v_sqlstate := returned_sqlstate,
        v_message := message_text,
        v_detail := pg_exception_detail,
        v_hint := pg_exception_hint;
      if v_change.id is null or v_sqlstate = '40001' then
        raise;
      end if;
    end;

    v_blocked := v_blocked || v_change.arguments[1];
    if v_sqlstate not in ('55P03', '40P01') then
      update ledger.capture_queue as q
      set error = jsonb_build_object(
        'sqlstate', v_sqlstate, 'message', v_message, 'detail', v_detail, 'hint', v_hint
      )
      where q.id = v_change.id;
    end if;
  end loop;
  perform ledger.swap_context(v_context);
  return v_count;
end
$$;

comment on function ledger.emit_captured(int) is
  'Makes events of what changed in tables tracked with deferred => true, oldest first, until '
  'max_events are made; returns how many. Schedule it, say every second. For operators of every '
  'tenant.';
