-- A destination did not take a message: it is parked and tried again later, or is dead after
-- max_attempts. While it is not dead, what was handed out of the same aggregate waits behind it: the
-- worker drops those unsent. Everything else flows on. Locks the cursor.
create or replace function ledger.fail_outbox(
  relay text,
  token bigint,
  "position" bigint,
  error text,
  retry_after interval default null,
  is_permanent boolean default false,
  tenant_id text default null
)
returns ledger.relay_parked
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(fail_outbox.tenant_id, ledger.setting('tenant_id'), 'default');
  v_cursor ledger.relay_cursors;
  v_relay ledger.relays;
  v_parked ledger.relay_parked;
begin
  perform ledger.require_tenant(v_tenant_id, 'relay');
  v_cursor := ledger.require_lease(fail_outbox.relay, fail_outbox.token, v_tenant_id);
  select r.* into strict v_relay from ledger.relays as r where r.relay = fail_outbox.relay;
  if fail_outbox.position <= v_cursor.claimed_position is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'position %s was not handed out', coalesce(fail_outbox.position::text, 'NULL')
      ),
      hint = 'Give the position of a message that read_outbox() returned.';
  end if;

  v_parked := ledger.park_message(fail_outbox.relay, v_tenant_id, fail_outbox.position);
  update ledger.relay_parked as p
  set
    attempts = p.attempts + 1,
    last_error = left(coalesce(fail_outbox.error, 'no reason given'), 2000),
    failed_at = clock_timestamp(),
    token = null,
    is_dead = fail_outbox.is_permanent is true or p.attempts + 1 >= v_relay.max_attempts,
    next_attempt_at = case
      when fail_outbox.is_permanent is not true and p.attempts + 1 < v_relay.max_attempts
        then clock_timestamp() + ledger.backoff(
          p.attempts + 1, v_relay.min_backoff, v_relay.max_backoff,
          least(coalesce(fail_outbox.retry_after, interval '0'), interval '1 day')
        )
    end
  where p.tenant_id = v_tenant_id
    and p.relay = fail_outbox.relay
    and p.position = fail_outbox.position
  returning p.* into v_parked;

  if v_parked.aggregate_id is not null then
    if v_parked.is_dead then
      perform ledger.wake_lane(
        fail_outbox.relay, v_tenant_id, v_parked.aggregate_type, v_parked.aggregate_id
      );
    else
      perform ledger.park_followers(
        fail_outbox.relay, v_tenant_id, greatest(v_cursor.position, v_parked.position),
        v_cursor.claimed_position
      );
      update ledger.relay_parked as p
      set token = null, next_attempt_at = null
      where p.tenant_id = v_tenant_id
        and p.relay = fail_outbox.relay
        and p.aggregate_type = v_parked.aggregate_type
        and p.aggregate_id = v_parked.aggregate_id
        and p.position > v_parked.position
        and p.published_at is null
        and not p.is_dead;
    end if;
  end if;
  return v_parked;
end
$$;

comment on function ledger.fail_outbox(text, bigint, bigint, text, interval, boolean, text) is
  'The destination did not take the message at this position: it is parked, and tried again after a '
  'pause that doubles (at least retry_after, up to a day), or is dead (is_permanent, or after the '
  'relay''s max_attempts). What was handed out of its aggregate after it must not be delivered now. Returns '
  'its row: attempts, next_attempt_at, is_dead. LG014 when the lease is lost.';
