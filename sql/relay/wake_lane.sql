-- The first message that waits in the lane of an aggregate is due now, unless it has its time already.
create or replace function ledger.wake_lane(
  relay text,
  tenant_id text,
  aggregate_type text,
  aggregate_id text
)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update ledger.relay_parked as p
  set next_attempt_at = clock_timestamp()
  where p.tenant_id = wake_lane.tenant_id
    and p.relay = wake_lane.relay
    and p.next_attempt_at is null
    and p.position = (
      select w.position
      from ledger.relay_parked as w
      where w.tenant_id = wake_lane.tenant_id
        and w.relay = wake_lane.relay
        and w.aggregate_type = wake_lane.aggregate_type
        and w.aggregate_id = wake_lane.aggregate_id
        and w.published_at is null
        and not w.is_dead
      order by w.position
      limit 1
    )
$$;

comment on function ledger.wake_lane(text, text, text, text) is
  'Part of the relay: the next parked message of an aggregate is due now.';
