-- The export that the caller reads. It must not stay a way out for ever: what somebody gets years
-- later, with rights and redaction as they are then, is to be on record then. A transaction that
-- began in time reads on, however long that takes.
create or replace function ledger.open_export(export_id uuid, tenant_id text)
returns ledger.agent_events
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_started ledger.agent_events :=
    ledger.find_export(open_export.export_id, open_export.tenant_id);
begin
  if v_started.created_at < transaction_timestamp() - interval '1 day' then
    raise exception using
      errcode = '55000',
      message = format('export %s was begun more than a day ago', open_export.export_id),
      detail = format('It was begun at %s.', v_started.created_at),
      hint = 'Begin another one. ledger.finish_export() still ends this one.';
  end if;
  return v_started;
end
$$;

comment on function ledger.open_export(uuid, text) is
  'Part of export_events(): the event that began the export, as ledger.find_export(), 55000 when '
  'the caller''s transaction began more than a day later.';
