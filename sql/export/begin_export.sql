-- Says what is about to leave the database, in an event ledger.export_started whose id names the
-- export. export_events() gives nothing before that is committed: whoever got data is on record,
-- also when the export was never finished. An unredacted one is in the server's log, too. Locks
-- nothing.
create or replace function ledger.begin_export(
  format text,
  aggregate_type text default null,
  aggregate_id text default null,
  event_types text[] default null,
  action_prefix text default null,
  actor_type text default null,
  actor_id text default null,
  outcome text default null,
  correlation_id uuid default null,
  run_id uuid default null,
  trace_id uuid default null,
  deal_id uuid default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  with_proof boolean default false,
  redacted boolean default true,
  purpose text default null,
  tenant_id text default null
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(begin_export.tenant_id, ledger.setting('tenant_id'), 'default');
  v_redacted boolean := coalesce(begin_export.redacted, true);
  v_head record;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  if not v_redacted then
    perform ledger.require_tenant(v_tenant_id, 'privacy');
  end if;
  if not v_redacted or begin_export.purpose is not null then
    perform ledger.require_reason('purpose', begin_export.purpose);
  end if;
  if begin_export.format ~ '^[a-z][a-z0-9_.-]{0,31}$' is not true then
    raise exception using
      errcode = 'LG009',
      message = 'format ' || coalesce(quote_literal(left(begin_export.format, 50)), 'NULL')
        || ' is no name',
      hint = 'Such as jsonl, json, csv or parquet: it is kept in the event.';
  end if;
  if not v_redacted then
    raise log 'role % exports events of tenant % with private data: %',
      ledger.caller(), v_tenant_id, begin_export.purpose;
  end if;
  select h.tree_size, encode(h.root, 'hex') as root into v_head
  from ledger.log_heads as h
  where h.tenant_id = v_tenant_id;
  return r.id
  from ledger.emit_own_event(
    'ledger.export_started',
    jsonb_strip_nulls(jsonb_build_object(
      'format', begin_export.format,
      'filters', jsonb_build_object(
        'aggregate_type', begin_export.aggregate_type,
        'aggregate_id', begin_export.aggregate_id,
        'event_types', to_jsonb(begin_export.event_types),
        'action_prefix', begin_export.action_prefix,
        'actor_type', begin_export.actor_type,
        'actor_id', begin_export.actor_id,
        'outcome', begin_export.outcome,
        'correlation_id', begin_export.correlation_id,
        'run_id', begin_export.run_id,
        'trace_id', begin_export.trace_id,
        'deal_id', begin_export.deal_id,
        'from_time', begin_export.from_time,
        'to_time', begin_export.to_time
      ),
      'with_proof', coalesce(begin_export.with_proof, false),
      'is_redacted', v_redacted,
      'exported_by', ledger.caller(),
      'purpose', begin_export.purpose,
      'tree_size', coalesce(v_head.tree_size, 0),
      'root', v_head.root
    )),
    tenant_id => v_tenant_id,
    correlation_id => gen_random_uuid()
  ) as r;
end
$$;

comment on function ledger.begin_export is
  'Begins an export of the events that match all of these filters (those of find_events()) and '
  'returns its id: an event ledger.export_started says who, what and what for. Commit it, then '
  'read with ledger.export_events() and end with ledger.finish_export(). redacted => false '
  'exports private data too; it needs the privilege privacy and a purpose.';
