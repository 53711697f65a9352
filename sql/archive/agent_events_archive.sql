-- Same columns and bounds as agent_events: a whole partition moves here by DETACH + ATTACH.
create table ledger.agent_events_archive (
  like ledger.agent_events including defaults,
  primary key (tenant_id, created_at, id)
) partition by range (created_at);

create index agent_events_archive_stream
on ledger.agent_events_archive (tenant_id, aggregate_type, aggregate_id, sequence)
where aggregate_id is not null;
create index agent_events_archive_correlation
on ledger.agent_events_archive (tenant_id, correlation_id, created_at);
create index agent_events_archive_run
on ledger.agent_events_archive (tenant_id, run_id, created_at)
where run_id <> '00000000-0000-0000-0000-000000000000';
create index agent_events_archive_type
on ledger.agent_events_archive (tenant_id, event_type, created_at);
create index agent_events_archive_trace
on ledger.agent_events_archive using brin (trace_id uuid_bloom_ops)
with (pages_per_range = 32, autosummarize = on);
create index agent_events_archive_xact on ledger.agent_events_archive (xact_id);

comment on table ledger.agent_events_archive is
  'Partitions that left agent_events, unchanged. Reads span both.';
