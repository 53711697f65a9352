-- Makes a relay, or sets all its settings anew: what is not given gets its default. Locks its row.
create or replace function ledger.set_relay(
  relay text,
  event_types text[] default null,
  max_attempts int default 10,
  min_backoff interval default interval '1 second',
  max_backoff interval default interval '1 hour'
)
returns ledger.relays
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_relay ledger.relays;
begin
  perform ledger.require_tenant('*', 'operate');
  perform ledger.refuse_relay(set_relay.relay);
  insert into ledger.relays as r (
    relay, event_types, max_attempts, min_backoff, max_backoff, created_by
  )
  values (
    set_relay.relay, set_relay.event_types, set_relay.max_attempts, set_relay.min_backoff,
    set_relay.max_backoff, ledger.caller()
  )
  on conflict (relay) do update
  set
    event_types = excluded.event_types,
    max_attempts = excluded.max_attempts,
    min_backoff = excluded.min_backoff,
    max_backoff = excluded.max_backoff
  returning r.* into v_relay;
  return v_relay;
exception when check_violation or not_null_violation then
  raise exception using
    errcode = 'LG009',
    message = format('relay %s cannot be set like that', set_relay.relay),
    detail = 'event_types: NULL or at least one; max_attempts: 1 to 1000; 0 < min_backoff <= '
      'max_backoff.',
    hint = 'select ledger.set_relay(''billing'', event_types => ''{invoice.sent}'', '
      'max_attempts => 20);';
end
$$;

comment on function ledger.set_relay(text, text[], int, interval, interval) is
  'Makes a relay, or sets its settings anew: which event types it delivers (NULL = all), attempts '
  'before a message is dead, pauses between them. For operators of every tenant.';
