-- The outbox as it is known from tables that are updated per message: who published what, when, and
-- how often it was tried. Computed, so that delivering updates nothing. A row per message and relay
-- that serves its tenant; none where the relay does not deliver such events.
create or replace view ledger.outbox_status with (security_barrier = true) as
select
  t.relay,
  o.tenant_id,
  l.position,
  o.id,
  o.event_type::text as event_type,
  o.aggregate_type,
  o.aggregate_id,
  o.created_at,
  case
    when p.position is not null then p.published_at
    when l.position <= t.position then (
      select f.confirmed_at
      from ledger.relay_confirmations as f
      where f.tenant_id = t.tenant_id
        and f.relay = t.relay
        and f.through_position >= l.position
      order by f.through_position
      limit 1
    )
  end as published_at,
  coalesce(
    p.attempts + (p.published_at is not null)::int, (l.position <= t.position)::int, 0
  ) as attempts,
  p.last_error,
  p.next_attempt_at,
  coalesce(p.is_dead, false) as is_dead,
  p.discarded_at
from ledger.outbox as o
join ledger.relay_tenants as t on t.tenant_id = o.tenant_id
join ledger.relays as r on r.relay = t.relay
left join ledger.log_entries as l on l.tenant_id = o.tenant_id and l.event_id = o.id
left join ledger.relay_parked as p
  on p.tenant_id = o.tenant_id and p.relay = t.relay and p.position = l.position
where (r.event_types is null or o.event_type = any(r.event_types))
  and (
    o.tenant_id = any((select ledger.permitted_for_any('{relay,operate,read}'))::text[])
    or '*' = any((select ledger.permitted_for_any('{relay,operate,read}'))::text[])
  );

comment on view ledger.outbox_status is
  'Every message of the outbox per relay: published_at, attempts, last_error, next_attempt_at, '
  'is_dead. Say which: select * from ledger.outbox_status where relay = ''nats'' and is_dead;';
comment on column ledger.outbox_status.position is 'Position in the log; NULL = not sealed yet.';
comment on column ledger.outbox_status.published_at is
  'When a worker confirmed it; NULL = it has not, or the relay was rewound since.';
comment on column ledger.outbox_status.attempts is
  'How often it was tried; deliveries that a crash left unconfirmed are not counted.';
