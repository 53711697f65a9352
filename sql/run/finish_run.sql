-- Ends a run: run.failed when the outcome is failure, else run.completed. Emitting locks the stream
-- run/<id>, so that of two sessions that finish the same run the second sees what the first did,
-- and is refused.
create or replace function ledger.finish_run(
  run_id uuid default null,
  outcome text default 'success',
  payload jsonb default '{}',
  tenant_id text default null,
  out id uuid,
  out created_at timestamptz,
  out sequence bigint,
  out hash bytea,
  out duplicate boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(finish_run.tenant_id, ledger.setting('tenant_id'), 'default');
  v_run_id uuid := coalesce(
    finish_run.run_id,
    case
      when current_setting('ledger.context', true) = 'on' then ledger.setting('run_id')::uuid
    end
  );
  v_run ledger.agent_runs;
begin
  perform ledger.require_tenant(v_tenant_id, 'write');
  if finish_run.outcome in ('success', 'partial', 'failure') is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'a run cannot finish with outcome %s',
        coalesce(quote_literal(left(finish_run.outcome, 100)), 'NULL')
      ),
      hint = 'Use success, partial or failure.';
  end if;
  if v_run_id is null then
    raise exception using
      errcode = 'LG009',
      message = 'no run to finish: no run_id is given, and none is set in this transaction',
      hint = 'Give run_id, or set it first: select ledger.set_context(run_id => ...).';
  end if;
  v_run := ledger.find_run(v_tenant_id, v_run_id);

  select e.* into id, created_at, sequence, hash, duplicate
  from ledger.emit_event(
    case finish_run.outcome when 'failure' then 'run.failed' else 'run.completed' end,
    finish_run.payload, tenant_id => v_tenant_id, run_id => v_run.id, trace_id => v_run.trace_id,
    correlation_id => v_run.correlation_id, aggregate_type => 'run',
    aggregate_id => v_run.id::text, outcome => finish_run.outcome
  ) as e;

  if exists (
    select
    from ledger.events as e
    where e.tenant_id = v_tenant_id
      and e.run_id = v_run.id
      and e.run_id <> '00000000-0000-0000-0000-000000000000'
      and e.event_type in ('run.completed', 'run.failed')
      and e.created_at >= v_run.started_at
      and e.id <> finish_run.id
  ) then
    raise exception using
      errcode = 'LG009',
      message = format('run %s of tenant %s has finished already', v_run.id, v_tenant_id),
      hint = 'select * from ledger.agent_run_status shows when and how.';
  end if;
end
$$;

comment on function ledger.finish_run(uuid, text, jsonb, text) is
  'Ends a run (event run.completed, or run.failed when outcome is failure) and returns the '
  'event''s receipt; run_id defaults to the transaction''s run.';
