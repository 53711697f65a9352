-- How far behind every relay is, and what it has trouble with. What is not sealed yet is not counted:
-- the next claim seals it. For the tenants that you may relay, operate or read.
create or replace view ledger.relay_status with (security_barrier = true) as
select
  t.relay,
  t.tenant_id,
  t.position,
  t.tree_size - 1 - t.position as lag_messages,
  coalesce(
    extract(epoch from clock_timestamp() - next_entry.created_at), 0
  )::double precision as lag_seconds,
  parked.parked,
  parked.dead,
  case when t.leased_until > clock_timestamp() then t.leased_by end as leased_by,
  case when t.leased_until > clock_timestamp() then t.leased_until end as leased_until,
  t.claimed_at,
  t.confirmed_at
from ledger.relay_tenants as t
left join ledger.log_entries as next_entry
  on next_entry.tenant_id = t.tenant_id and next_entry.position = t.position + 1
cross join lateral (
  select
    count(*) filter (where p.published_at is null and not p.is_dead) as parked,
    count(*) filter (where p.is_dead and p.discarded_at is null) as dead
  from ledger.relay_parked as p
  where p.tenant_id = t.tenant_id and p.relay = t.relay
) as parked
where (
  t.tenant_id = any((select ledger.permitted_for_any('{relay,operate,read}'))::text[])
  or '*' = any((select ledger.permitted_for_any('{relay,operate,read}'))::text[])
);

comment on view ledger.relay_status is
  'Per relay and tenant: how far it is (position), how far behind in messages and seconds, parked and '
  'dead messages, and who works there: select * from ledger.relay_status order by lag_seconds desc;';
comment on column ledger.relay_status.lag_messages is
  'Positions of the log behind it; events that are not published count too.';
comment on column ledger.relay_status.lag_seconds is
  'Age of the oldest event that is not delivered, 0 when there is none. Parked messages do not count.';
comment on column ledger.relay_status.parked is
  'Messages that wait to be tried again, or behind such a one.';
comment on column ledger.relay_status.dead is
  'Messages that are given up until ledger.requeue_dead().';
