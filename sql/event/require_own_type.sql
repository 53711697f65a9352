-- What happened to the ledger, only those can say who operate or audit it. A reader can say of
-- itself that it exports, and that is all that begin_export() and finish_export() say for it.
create or replace function ledger.require_own_type(
  event_type text,
  payload jsonb,
  tenant_id text
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if event_type in ('ledger.export_started', 'ledger.export_created')
    and payload ->> 'exported_by' = ledger.caller()
    and payload -> 'is_redacted' = 'true'
  then
    perform ledger.require_any(tenant_id, '{read,operate,audit,privacy}');
  else
    perform ledger.require_any(tenant_id, '{operate,audit,privacy}');
  end if;
end
$$;

comment on function ledger.require_own_type(text, jsonb, text) is
  'Part of prepare_event(): LG005 unless the caller may emit that event of the ledger''s own.';
