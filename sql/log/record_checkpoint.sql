-- Says that a checkpoint of the log was signed, in an event ledger.checkpoint_signed, after checking
-- that it is one of this log. `agent-events checkpoint --record` calls it when the note is kept. Who
-- signed it the database cannot check; whoever says so is named. Locks nothing.
create or replace function ledger.record_checkpoint(note text, tenant_id text default null)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(record_checkpoint.tenant_id, ledger.setting('tenant_id'), 'default');
  v_lines text[] := string_to_array(record_checkpoint.note, E'\n');
  v_key_name text := substring(
    record_checkpoint.note from E'\n\n[^ \n]+ ([^ \n]+) [A-Za-z0-9+/=]+\n'
  );
begin
  perform ledger.require_any(v_tenant_id, '{audit,operate}');
  if v_key_name is null then
    raise exception using
      errcode = 'LG009',
      message = 'the checkpoint is not signed',
      hint = '`agent-events checkpoint` signs one: give the note as it prints it.';
  end if;
  perform ledger.require_checkpoint(v_tenant_id, 0, array[record_checkpoint.note]);
  return r.id
  from ledger.emit_own_event(
    'ledger.checkpoint_signed',
    jsonb_build_object(
      'origin', v_lines[1],
      'tree_size', v_lines[2]::bigint,
      'root', encode(decode(v_lines[3], 'base64'), 'hex'),
      'key_name', v_key_name,
      'recorded_by', ledger.caller()
    ),
    tenant_id => v_tenant_id
  ) as r;
end
$$;

comment on function ledger.record_checkpoint(text, text) is
  'Records that a checkpoint was signed, in an event ledger.checkpoint_signed: LG010 unless it is '
  'one of the tenant''s log. Who signed it is not checked here. For auditors and operators.';
