-- Parks a message that was handed out, unless it is parked already; returns its row.
create or replace function ledger.park_message(relay text, tenant_id text, "position" bigint)
returns ledger.relay_parked
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_parked ledger.relay_parked;
begin
  insert into ledger.relay_parked (
    tenant_id, relay, position, event_id, created_at, aggregate_type, aggregate_id
  )
  select
    park_message.tenant_id, park_message.relay, o.position, o.id, o.created_at,
    o.aggregate_type, o.aggregate_id
  from ledger.outbox_range(
    park_message.tenant_id, park_message.position - 1, park_message.position
  ) as o
  on conflict do nothing;
  select p.* into v_parked
  from ledger.relay_parked as p
  where p.tenant_id = park_message.tenant_id
    and p.relay = park_message.relay
    and p.position = park_message.position
    and p.published_at is null
    and not p.is_dead;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format('no message at position %s can fail', park_message.position),
      detail = 'It is dead or delivered already, or the event there is not published.',
      hint = 'Give the position of a message that read_outbox() returned.';
  end if;
  return v_parked;
end
$$;

comment on function ledger.park_message(text, text, bigint) is
  'Part of fail_outbox(): the row of a parked message, made if need be.';
