-- A run by its id; LG006 when there is none. The ambient run is none that could be continued,
-- joined or finished.
create or replace function ledger.find_run(tenant_id text, run_id uuid)
returns ledger.agent_runs
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run ledger.agent_runs;
begin
  select r.* into v_run
  from ledger.agent_runs as r
  where r.tenant_id = find_run.tenant_id
    and r.id = find_run.run_id
    and r.id <> '00000000-0000-0000-0000-000000000000';
  if not found then
    raise exception using
      errcode = 'LG006',
      message = format(
        'run %s does not exist for tenant %s', find_run.run_id, find_run.tenant_id
      ),
      hint = 'Start it with ledger.start_run(); is it another tenant''s?';
  end if;
  return v_run;
end
$$;

comment on function ledger.find_run(text, uuid) is
  'Part of start_run() and finish_run(): a run of the tenant, LG006 when there is none.';
