-- What happened to the ledger, nobody can say but the function by which it happens, also not who
-- operates or audits it: the record of what the ledger did must hold against those who look after
-- it, an export's events decide what it gives out, and a snapshot's event vouches for it. What is
-- reserved nobody can say yet. An import is the exception: where the events came from, only the
-- operator knows.
create or replace function ledger.require_own_type(event_type text, tenant_id text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_function text := case event_type
    when 'ledger.export_started' then 'begin_export'
    when 'ledger.export_created' then 'finish_export'
    when 'ledger.verified' then 'record_verification'
    when 'ledger.checkpoint_signed' then 'record_checkpoint'
    when 'ledger.private_read' then 'read_private'
    when 'ledger.private_erased' then 'erase_private'
    when 'ledger.hold_placed' then 'place_hold'
    when 'ledger.hold_released' then 'release_hold'
    when 'ledger.partition_archived' then 'archive_partition'
    when 'ledger.partition_exported' then 'record_cold_file'
    when 'ledger.partition_dropped' then 'drop_cold'
    when 'ledger.partition_restored' then 'finish_restore'
    when 'ledger.outbox_purged' then 'purge_outbox'
    when 'ledger.log_rebased' then 'rebase_log'
    when 'ledger.snapshot_created' then 'create_snapshot'
    when 'ledger.capture_discarded' then 'discard_captured'
  end;
begin
  if event_type = 'ledger.import_completed' then
    perform ledger.require_tenant(tenant_id, 'operate');
  elsif not ledger.has_emit_permit() then
    raise exception using
      errcode = 'LG005',
      message = format('nobody emits %s directly', left(event_type, 150)),
      hint = coalesce(
        'ledger.' || v_function || '() does, for who may do that.',
        'What begins with ledger. is the ledger''s own; this type is reserved, or not registered.'
      );
  end if;
end
$$;

comment on function ledger.require_own_type(text, text) is
  'Part of prepare_event(): LG005 unless the caller may emit that event of the ledger''s own.';
