-- Parked messages that were delivered after all; the lanes they stood in go on.
create or replace function ledger.settle_retries(
  relay text,
  tenant_id text,
  token bigint,
  positions bigint[]
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_lane record;
begin
  for v_lane in
    with settled as (
      update ledger.relay_parked as p
      set published_at = clock_timestamp(), next_attempt_at = null
      where p.tenant_id = settle_retries.tenant_id
        and p.relay = settle_retries.relay
        and p.position = any(settle_retries.positions)
        and p.token = settle_retries.token
        and p.published_at is null
        and not p.is_dead
      returning p.aggregate_type, p.aggregate_id
    )
    select distinct s.aggregate_type, s.aggregate_id
    from settled as s
    where s.aggregate_id is not null
  loop
    perform ledger.wake_lane(
      settle_retries.relay, settle_retries.tenant_id, v_lane.aggregate_type, v_lane.aggregate_id
    );
  end loop;
end
$$;

comment on function ledger.settle_retries(text, text, bigint, bigint[]) is
  'Part of confirm_outbox(): parked messages were delivered.';
