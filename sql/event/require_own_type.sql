-- What happened to the ledger, only those can say who operate or audit it. Who exported, verified,
-- read or erased private data, decided about holds or moved a partition, nobody can say but the
-- functions by which it is done: the record of access must hold against those who look after it, and
-- an export's events decide what it gives out.
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
    when 'ledger.private_read' then 'read_private'
    when 'ledger.private_erased' then 'erase_private'
    when 'ledger.hold_placed' then 'place_hold'
    when 'ledger.hold_released' then 'release_hold'
    when 'ledger.partition_archived' then 'archive_partition'
    when 'ledger.partition_exported' then 'record_cold_file'
    when 'ledger.partition_dropped' then 'drop_cold'
    when 'ledger.partition_restored' then 'finish_restore'
  end;
begin
  if v_function is null then
    perform ledger.require_any(tenant_id, '{operate,audit,privacy}');
  elsif not exists (
    select from ledger.emit_permits as p where p.xact_id = pg_current_xact_id_if_assigned()
  ) then
    raise exception using
      errcode = 'LG005',
      message = format('nobody emits %s directly', event_type),
      hint = format('ledger.%s() does, for who may do that.', v_function);
  end if;
end
$$;

comment on function ledger.require_own_type(text, text) is
  'Part of prepare_event(): LG005 unless the caller may emit that event of the ledger''s own.';
