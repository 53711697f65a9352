-- The row of a run; false when the run has one already. Without an event: start_run() emits
-- run.started itself, a client that sends its events later emits it like any other event. Locks
-- nothing but the row that it makes. Trace and correlation are the parent's where they are left out.
create or replace function ledger.add_run(
  agent_name text,
  run_id uuid,
  tenant_id text default null,
  parent_run_id uuid default null,
  trace_id uuid default null,
  correlation_id uuid default null
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(add_run.tenant_id, ledger.setting('tenant_id'), 'default');
  v_parent ledger.agent_runs;
begin
  perform ledger.require_tenant(v_tenant_id, 'write');
  if length(add_run.agent_name) between 1 and 200 is not true then
    raise exception using errcode = 'LG009', message = 'agent_name must have 1 to 200 characters';
  end if;
  if add_run.parent_run_id is not null then
    v_parent := ledger.find_run(v_tenant_id, add_run.parent_run_id);
  end if;
  trace_id := coalesce(add_run.trace_id, v_parent.trace_id);
  correlation_id := coalesce(add_run.correlation_id, v_parent.correlation_id);
  if num_nulls(add_run.run_id, add_run.trace_id, add_run.correlation_id) > 0 then
    raise exception using
      errcode = 'LG009',
      message = 'a run without a parent needs run_id, trace_id and correlation_id',
      hint = 'ledger.start_run() makes those that are left out.';
  end if;
  perform ledger.ensure_tenant(v_tenant_id);

  insert into ledger.agent_runs (
    tenant_id, id, agent_name, parent_run_id, trace_id, correlation_id, started_at
  )
  values (
    v_tenant_id, add_run.run_id, add_run.agent_name, add_run.parent_run_id, add_run.trace_id,
    add_run.correlation_id, clock_timestamp()
  )
  on conflict do nothing;
  return found;
end
$$;

comment on function ledger.add_run(text, uuid, text, uuid, uuid, uuid) is
  'The row of a run, without its event; false when there is one already. For clients that emit '
  'run.started themselves: everybody else calls start_run().';
