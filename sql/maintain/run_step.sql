-- Takes one step in a transaction of its own, and another for each attempt while locks are missing;
-- sleeps in between, so that those who waited behind us get through. A step that works in batches is
-- taken until nothing is left, a transaction per batch. What goes wrong comes back as
-- `error` (sqlstate, message, detail, hint) and is recorded; it ends nothing. READ COMMITTED, whatever
-- the session's default: what was committed while we waited for locks must be seen. SECURITY INVOKER
-- and without SET, as a procedure that commits must be: everything is named in full.
create or replace procedure ledger.run_step(
  run_id uuid,
  step text,
  object name,
  max_wait interval,
  inout error jsonb
)
language plpgsql
as $$
declare
  v_started_at timestamptz := pg_catalog.clock_timestamp();
  v_attempts int := 0;
  v_is_over boolean := false;
  v_has_more boolean := false;
  v_sqlstate text;
  v_message text;
  v_detail text;
  v_hint text;
begin
  while not v_is_over loop
    v_attempts := v_attempts + (not v_has_more)::int;
    v_has_more := false;
    error := null;
    commit;
    set transaction isolation level read committed;
    begin
      v_has_more := ledger.maintenance_step(run_step.step, run_step.object);
      v_is_over := not v_has_more;
    exception when others or assert_failure then
      get stacked diagnostics
        v_sqlstate := returned_sqlstate,
        v_message := message_text,
        v_detail := pg_exception_detail,
        v_hint := pg_exception_hint;
      error := pg_catalog.jsonb_build_object(
        'sqlstate', v_sqlstate, 'message', v_message, 'detail', v_detail, 'hint', v_hint
      );
      v_is_over := v_sqlstate not in ('55P03', '40P01')
        or pg_catalog.clock_timestamp() > v_started_at + run_step.max_wait;
    end;
    commit;
    if not (v_is_over or v_has_more) then
      perform pg_catalog.pg_sleep(0.2 + 0.8 * pg_catalog.random());
    end if;
  end loop;

  -- What another runner is doing, that one records.
  if run_step.error ->> 'sqlstate' is distinct from 'LG013' then
    perform ledger.record_step(
      run_step.run_id, run_step.step, run_step.object, v_started_at, v_attempts, run_step.error
    );
    commit;
  end if;
end
$$;

comment on procedure ledger.run_step is
  'Part of maintain(): one step, with its attempts and its record.';
