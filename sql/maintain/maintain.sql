-- All that a DBA schedules: makes partitions ahead, emits what was captured, seals, archives and purges what the retention
-- policy says is due. Each step commits; one that fails stops only those that build on it, and the call ends
-- with its error when the others are done. One runner at a time: a second one leaves at once.
create or replace procedure ledger.maintain(
  dry_run boolean default false,
  max_wait interval default '5 minutes'
)
language plpgsql
as $$
declare
  v_run_id uuid := pg_catalog.gen_random_uuid();
  v_step record;
  v_error jsonb;
  v_first_error jsonb;
  v_failed text[] := array[]::text[];
  v_failed_objects name[] := array[]::name[];
begin
  for v_step in select p.step, p.object from ledger.maintenance_plan() as p loop
    if maintain.dry_run then
      raise notice '%', pg_catalog.concat_ws(' ', v_step.step, v_step.object);
    elsif v_step.object is null or v_step.object <> all(v_failed_objects) then
      call ledger.run_step(v_run_id, v_step.step, v_step.object, maintain.max_wait, v_error);
      if v_error ->> 'sqlstate' = 'LG013' then
        raise notice 'other maintenance is running, and does what is due';
        return;
      elsif v_error is not null then
        v_first_error := coalesce(v_first_error, v_error);
        v_failed_objects := v_failed_objects || v_step.object;
        v_failed := v_failed || pg_catalog.concat_ws(
          ' ', v_step.step, v_step.object || ':', v_error ->> 'sqlstate', v_error ->> 'message'
        );
      end if;
    end if;
  end loop;

  if v_first_error is not null then
    raise exception using
      errcode = v_first_error ->> 'sqlstate',
      message = pg_catalog.format(
        '%s of the steps of maintenance failed', pg_catalog.cardinality(v_failed)
      ),
      detail = pg_catalog.array_to_string(v_failed, pg_catalog.chr(10)),
      hint = pg_catalog.concat_ws(
        ' ', 'The other steps are done. select * from ledger.maintenance_steps;',
        nullif(v_first_error ->> 'hint', '')
      );
  end if;
end
$$;

comment on procedure ledger.maintain is
  'Everything that has to happen on a schedule, once an hour say: partitions ahead, sealing, '
  'archiving and purging by the retention policy. dry_run => true only says what is due. Not inside a '
  'transaction. For operators of every tenant.';
