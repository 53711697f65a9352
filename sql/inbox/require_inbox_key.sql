create or replace function ledger.require_inbox_key(tenant_id text, consumer text, event_id uuid)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := case
    when tenant_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' is not true then
      format('%L is no tenant id', left(tenant_id, 100))
    when length(consumer) between 1 and 255 is not true then
      'consumer must have 1 to 255 characters'
    when event_id is null then 'event_id is NULL'
  end;
begin
  if v_reason is not null then
    raise exception using
      errcode = 'LG009',
      message = v_reason,
      hint = 'select ledger.accept_event(''billing'', event_id => ...): the name of the consumer, '
        'and the id that the event came with.';
  end if;
end
$$;

comment on function ledger.require_inbox_key(text, text, uuid) is
  'Part of accept_event() and its likes: raises LG009 for what names no event of a consumer.';
