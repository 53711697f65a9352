-- Gives up what one statement changed, which could not be made events. What it was about stays in an
-- event of the tenant of its transaction; the values go, and of very many keys all but the first.
create or replace function ledger.discard_captured(statement_id bigint, reason text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  c_max_keys constant int := 1000;
  v_change ledger.capture_queue;
  v_keys text[];
begin
  perform ledger.require_tenant('*', 'operate');
  perform ledger.require_reason('reason', discard_captured.reason);
  perform pg_advisory_xact_lock(hashtextextended('ledger.emit_captured', 7306));
  delete from ledger.capture_queue as q
  where q.id = discard_captured.statement_id and q.error is not null
  returning q.* into v_change;
  if v_change.id is null then
    raise exception using
      errcode = 'LG009',
      message = format('no statement %s that could not be emitted waits', discard_captured.statement_id),
      hint = 'select * from ledger.doctor() where kind = ''capture stuck'';';
  end if;
  select array_agg(distinct left(k.key, 255)) into v_keys
  from unnest(v_change.old_rows || v_change.new_rows) as r
  cross join lateral (
    select ledger.captured_key(
      r, v_change.arguments[2]::text[], v_change.arguments[2]::text[]
    ) as key
  ) as k
  where k.key is not null;
  perform ledger.emit_own_event(
    'ledger.capture_discarded',
    jsonb_build_object(
      'event_prefix', v_change.arguments[0],
      'aggregate_type', v_change.arguments[1],
      'aggregate_ids', coalesce(to_jsonb(v_keys[:c_max_keys]), '[]'),
      'aggregate_count', coalesce(cardinality(v_keys), 0),
      'captured_at', v_change.captured_at,
      'error', v_change.error - 'detail' - 'hint',
      'reason', discard_captured.reason,
      'discarded_by', ledger.caller()
    ),
    v_change.tenant_id
  );
end
$$;

comment on function ledger.discard_captured(bigint, text) is
  'Gives up changes of a deferred table that cannot be made events; an event '
  'ledger.capture_discarded says which and why. LG009 unless they are stuck. For operators of every '
  'tenant.';
