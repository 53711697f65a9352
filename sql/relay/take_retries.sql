-- Hands out parked messages whose time has come, and with each those that wait behind it in its
-- lane: their positions. What is handed out under this lease already is not handed out twice.
create or replace function ledger.take_retries(
  relay text,
  tenant_id text,
  token bigint,
  batch_size int
)
returns bigint[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_positions bigint[];
begin
  if not ledger.has_due_retries(take_retries.relay, take_retries.tenant_id) then
    return array[]::bigint[];
  end if;

  with heads as (
    select p.*
    from ledger.relay_parked as p
    where p.tenant_id = take_retries.tenant_id
      and p.relay = take_retries.relay
      and p.published_at is null
      and not p.is_dead
      and p.next_attempt_at <= clock_timestamp()
      and p.token is distinct from take_retries.token
      and not exists (
        select
        from ledger.relay_parked as b
        where b.tenant_id = p.tenant_id
          and b.relay = p.relay
          and b.aggregate_type = p.aggregate_type
          and b.aggregate_id = p.aggregate_id
          and b.position < p.position
          and b.published_at is null
          and not b.is_dead
      )
    order by p.next_attempt_at
    limit take_retries.batch_size
  ),
  taken as (
    select h.position from heads as h
    union all
    select w.position
    from heads as h
    cross join lateral (
      select b.position
      from ledger.relay_parked as b
      where b.tenant_id = h.tenant_id
        and b.relay = h.relay
        and b.aggregate_type = h.aggregate_type
        and b.aggregate_id = h.aggregate_id
        and b.position > h.position
        and b.published_at is null
        and not b.is_dead
        and b.token is distinct from take_retries.token
      order by b.position
      limit take_retries.batch_size
    ) as w
    order by position
    limit take_retries.batch_size
  ),
  marked as (
    update ledger.relay_parked as p
    set token = take_retries.token
    from taken as t
    where p.tenant_id = take_retries.tenant_id
      and p.relay = take_retries.relay
      and p.position = t.position
    returning p.position
  )
  select array_agg(m.position order by m.position) into v_positions from marked as m;
  return coalesce(v_positions, array[]::bigint[]);
end
$$;

comment on function ledger.take_retries(text, text, bigint, int) is
  'Part of claim_outbox(): hands out parked messages that are due, with what waits behind them.';
