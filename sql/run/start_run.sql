-- Begins a run of an agent: the row in agent_runs and the event run.started, the first of the
-- stream run/<id>. Events that the transaction emits from here on belong to the run, unless they
-- say otherwise. A run started under a parent continues the parent's trace and correlation.
create or replace function ledger.start_run(
  agent_name text,
  run_id uuid default null,
  tenant_id text default null,
  parent_run_id uuid default null,
  trace_id uuid default null,
  correlation_id uuid default null,
  payload jsonb default '{}',
  metadata jsonb default null
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(start_run.tenant_id, ledger.setting('tenant_id'), 'default');
  v_has_context boolean := coalesce(current_setting('ledger.context', true) = 'on', false);
  v_run_id uuid := coalesce(
    start_run.run_id, ledger.event_id(clock_timestamp(), gen_random_uuid())
  );
  v_trace_id uuid;
  v_correlation_id uuid;
  v_parent ledger.agent_runs;
begin
  perform ledger.require_tenant(v_tenant_id, 'write');
  if start_run.parent_run_id is not null then
    v_parent := ledger.find_run(v_tenant_id, start_run.parent_run_id);
  end if;
  v_trace_id := coalesce(
    start_run.trace_id,
    v_parent.trace_id,
    case when v_has_context then ledger.setting('trace_id')::uuid end,
    gen_random_uuid()
  );
  v_correlation_id := coalesce(
    start_run.correlation_id,
    v_parent.correlation_id,
    case when v_has_context then ledger.setting('correlation_id')::uuid end,
    v_trace_id
  );

  if not ledger.add_run(
    start_run.agent_name, v_run_id, v_tenant_id, start_run.parent_run_id, v_trace_id,
    v_correlation_id
  ) then
    raise exception using
      errcode = 'LG009',
      message = format('run %s of tenant %s exists already', v_run_id, v_tenant_id),
      hint = 'Leave run_id out to have one made; set_context(run_id => ...) goes on with a run.';
  end if;

  perform ledger.set_context(
    tenant_id => v_tenant_id, run_id => v_run_id, trace_id => v_trace_id
  );
  perform ledger.emit_event(
    'run.started', start_run.payload, tenant_id => v_tenant_id, run_id => v_run_id,
    trace_id => v_trace_id, correlation_id => v_correlation_id, aggregate_type => 'run',
    aggregate_id => v_run_id::text, metadata => start_run.metadata
  );
  return v_run_id;
end
$$;

comment on function ledger.start_run(text, uuid, text, uuid, uuid, uuid, jsonb, jsonb) is
  'Begins a run of an agent (event run.started), makes it the transaction''s context, returns '
  'its id. End it with finish_run().';
