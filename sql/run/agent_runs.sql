-- One row per agent run, never changed: the status is what the run.* events say (view
-- agent_run_status).
create table ledger.agent_runs (
  tenant_id text collate "C" not null,
  id uuid not null,
  agent_name text not null check (length(agent_name) between 1 and 200),
  parent_run_id uuid,
  trace_id uuid,
  correlation_id uuid,
  started_at timestamptz not null,
  primary key (tenant_id, id),
  check (
    id = '00000000-0000-0000-0000-000000000000'
    or (trace_id is not null and correlation_id is not null)
  ),
  foreign key (tenant_id, parent_run_id) references ledger.agent_runs (tenant_id, id)
);

create index agent_runs_started_at on ledger.agent_runs (tenant_id, started_at);
create index agent_runs_trace_id on ledger.agent_runs (tenant_id, trace_id);
create index agent_runs_agent on ledger.agent_runs (tenant_id, agent_name, started_at);
create index agent_runs_parent on ledger.agent_runs (tenant_id, parent_run_id, started_at)
where parent_run_id is not null;

comment on table ledger.agent_runs is
  'Agent runs, append-only. Each tenant has one ambient run (id = nil UUID) for what happens '
  'outside any run; it has no trace of its own.';
