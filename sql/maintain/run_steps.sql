-- Takes several steps that build on each other, each in a transaction of its own; raises what stops
-- one.
create or replace procedure ledger.run_steps(steps text[], object name, max_wait interval)
language plpgsql
as $$
declare
  v_run_id uuid := pg_catalog.gen_random_uuid();
  v_step text;
  v_error jsonb;
begin
  foreach v_step in array run_steps.steps loop
    call ledger.run_step(v_run_id, v_step, run_steps.object, run_steps.max_wait, v_error);
    if v_error is not null then
      raise exception using
        errcode = v_error ->> 'sqlstate',
        message = v_error ->> 'message',
        detail = coalesce(
          nullif(v_error ->> 'detail', ''), pg_catalog.format('Step: %s.', v_step)
        ),
        hint = v_error ->> 'hint';
    end if;
  end loop;
end
$$;

comment on procedure ledger.run_steps is
  'Part of archive_partition() and restore_partition(): steps that build on each other.';
