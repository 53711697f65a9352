-- The settings of set_context(), to be set back afterwards: {} clears them all. (A function's SET would
-- do that by itself, but needs a superuser for a setting that no extension has defined.)
create or replace function ledger.swap_context(context jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_names constant text[] := array[
    'context', 'tenant_id', 'run_id', 'trace_id', 'correlation_id', 'causation_id', 'actor_type',
    'actor_id'
  ];
  v_before jsonb;
begin
  select jsonb_object_agg(s.name, current_setting('ledger.' || s.name, true)) into v_before
  from unnest(c_names) as s (name);
  perform set_config('ledger.' || s.name, coalesce(swap_context.context ->> s.name, ''), true)
  from unnest(c_names) as s (name);
  return v_before;
end
$$;

comment on function ledger.swap_context(jsonb) is
  'Part of emit_captured(): sets the context of the transaction, and returns what it was.';
