create or replace function ledger.refuse_unknown_failure(
  tenant_id text,
  consumer text,
  event_id uuid
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG009',
    message = format(
      'event %s is no failure of consumer %L of tenant %s',
      refuse_unknown_failure.event_id, refuse_unknown_failure.consumer,
      refuse_unknown_failure.tenant_id
    ),
    detail = 'It was processed or discarded, or it never failed.',
    hint = 'select * from ledger.inbox_status;';
end
$$;

comment on function ledger.refuse_unknown_failure(text, text, uuid) is
  'Part of requeue_failures() and discard_failure(): raises LG009.';
