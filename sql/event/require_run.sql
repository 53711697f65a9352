-- The run of an event, which must exist; NULL is the tenant's ambient run (nil UUID), made by the
-- tenant's first event.
create or replace function ledger.require_run(tenant_id text, run_id uuid)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  c_no_run constant uuid := uuid '00000000-0000-0000-0000-000000000000';
begin
  if coalesce(require_run.run_id, c_no_run) = c_no_run then
    perform ledger.ensure_tenant(require_run.tenant_id);
    return c_no_run;
  end if;
  if not exists (
    select
    from ledger.agent_runs as r
    where r.tenant_id = require_run.tenant_id and r.id = require_run.run_id
  ) then
    raise exception using
      errcode = 'LG006',
      message = format(
        'run %s does not exist for tenant %s', require_run.run_id, require_run.tenant_id
      ),
      hint = 'Start it first with ledger.start_run(), or leave run_id out for the ambient run.';
  end if;
  return require_run.run_id;
end
$$;

comment on function ledger.require_run(text, uuid) is
  'Part of emit_event(): the run, LG006 when there is none; NULL makes the ambient run if need be.';
