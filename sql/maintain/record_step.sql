-- Keeps what a step did, and forgets what is older than a year.
create or replace function ledger.record_step(
  run_id uuid,
  step text,
  object name,
  started_at timestamptz,
  attempts int,
  error jsonb
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.require_tenant('*', 'operate');
  insert into ledger.maintenance_steps (
    run_id, ordinal, step, object, started_at, attempts, error, run_by
  )
  select
    record_step.run_id, count(*) + 1, record_step.step, record_step.object,
    record_step.started_at, record_step.attempts, record_step.error, ledger.caller()
  from ledger.maintenance_steps as s
  where s.run_id = record_step.run_id;
  delete from ledger.maintenance_steps as s
  where s.finished_at < clock_timestamp() - interval '1 year';
end
$$;

comment on function ledger.record_step(uuid, text, name, timestamptz, int, jsonb) is
  'Part of maintain(): writes a row of ledger.maintenance_steps.';
