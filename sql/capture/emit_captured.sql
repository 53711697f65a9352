-- Makes events of what waits in capture_queue, oldest first, and takes it out of there: both or
-- neither. What cannot be emitted stays, with its error, and keeps back what comes after it for streams
-- of the same type, so that their order holds; a stream that somebody else has locked for 100 ms does so
-- until the next call.
-- It goes in bites, each of what its snapshot shows: a change that commits meanwhile may be older than
-- one that is emitted already, never than a change of the same row that was visible. A bite that fails
-- is made again up to the statement that failed, which then fails first in the next one, and is left:
-- so hardly anything is made more than twice, however much is stuck.
-- It ends half a second after the first lock that it keeps: who waits for that looks for a deadlock
-- after a second (deadlock_timeout), and would be its victim if this waited for another just then. One
-- at a time: a second caller does nothing.
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
  c_bite constant int := 1000;
  v_bite int := c_bite;
  v_until timestamptz;
  v_change ledger.capture_queue;
  v_ids bigint[];
  v_made int;
  v_count int := 0;
  v_blocked text[] := array[]::text[];
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
    v_made := 0;
    if v_count = 0 then
      v_until := clock_timestamp() + interval '500 ms';
    end if;
    begin
      insert into ledger.emit_permits default values;
      for v_change in
        select * from ledger.capture_queue as q
        where q.arguments[1] <> all(v_blocked)
        order by q.id
        limit v_bite
      loop
        v_made := v_made + ledger.emit_queued(v_change);
        v_ids := v_ids || v_change.id;
        exit when v_count + v_made >= emit_captured.max_events or clock_timestamp() > v_until;
      end loop;
      v_change := null;
      delete from ledger.capture_queue as q where q.id = any(v_ids);
      delete from ledger.emit_permits as p where p.xact_id = pg_current_xact_id();
      v_count := v_count + v_made;
      exit when v_ids = '{}' or v_count >= emit_captured.max_events or clock_timestamp() > v_until;
      v_bite := c_bite;
      continue;
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

    if v_ids <> '{}' then
      v_bite := cardinality(v_ids);
      continue;
    end if;
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
  'max_events are made or half a second is over; returns how many: 0 when there is nothing left that '
  'can be made now. Schedule it, say every second. For operators of every tenant.';
