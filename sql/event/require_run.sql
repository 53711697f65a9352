-- The run must exist. The ambient run (nil UUID) of a tenant is made by the tenant's first event.
create or replace function ledger.require_run(tenant_id text, run_id uuid)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from ledger.agent_runs as r where r.tenant_id = require_run.tenant_id and r.id = require_run.run_id
  ) then
    return;
  end if;
  if require_run.run_id <> '00000000-0000-0000-0000-000000000000' then
    raise exception using
      errcode = 'LG006',
      message = format('run %s does not exist for tenant %s', require_run.run_id, require_run.tenant_id),
      hint = 'Start it first with ledger.start_run(), or leave run_id out for the ambient run.';
  end if;
  perform ledger.ensure_tenant(require_run.tenant_id);
end
$$;

comment on function ledger.require_run(text, uuid) is
  'Raises LG006 unless the tenant has the run; makes the tenant''s ambient run (nil UUID) when it is missing.';
