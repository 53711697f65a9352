-- Context for the rest of the transaction: triggers and old code then emit with it. NULL leaves a
-- setting as it is.
create or replace function ledger.set_context(
  tenant_id text default null,
  run_id uuid default null,
  trace_id uuid default null,
  correlation_id uuid default null,
  causation_id uuid default null,
  actor_type text default null,
  actor_id text default null
)
returns void
language sql
set search_path = pg_catalog, pg_temp
begin atomic
  select set_config('ledger.' || c.name, c.value, true)
  from (values
    ('context', 'on'),
    ('tenant_id', set_context.tenant_id),
    ('run_id', set_context.run_id::text),
    ('trace_id', set_context.trace_id::text),
    ('correlation_id', set_context.correlation_id::text),
    ('causation_id', set_context.causation_id::text),
    ('actor_type', set_context.actor_type),
    ('actor_id', set_context.actor_id)
  ) as c (name, value)
  where c.value is not null;
end;

comment on function ledger.set_context(text, uuid, uuid, uuid, uuid, text, text) is
  'Sets the transaction''s context (settings ledger.*) that emit_event() falls back on; NULL '
  'leaves a setting as it is, '''' clears a text one.';
