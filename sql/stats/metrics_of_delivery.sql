-- metrics(): how far relays are, with the tenant that is farthest behind, and what consumers failed.
-- Entries of the log are looked up by key, whatever statistics say.
create or replace function ledger.metrics_of_delivery()
returns table (name text, labels jsonb, value double precision)
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
  select m.name, jsonb_build_object('relay', r.relay), m.value
  from (
    select
      s.relay,
      sum(s.lag_messages) as lag_messages,
      max(s.lag_seconds) as lag_seconds,
      sum(s.parked) as parked,
      sum(s.dead) as dead
    from ledger.relay_status as s
    group by s.relay
  ) as r
  cross join lateral (values
    ('outbox_lag_messages', r.lag_messages),
    ('outbox_lag_seconds', r.lag_seconds::numeric),
    ('outbox_parked_messages', r.parked),
    ('outbox_dead_messages', r.dead)
  ) as m (name, value)
  union all
  select
    'inbox_failures',
    jsonb_build_object(
      'consumer', f.consumer, 'state', case when f.is_dead then 'dead' else 'waiting' end
    ),
    count(*)
  from ledger.inbox_failures as f
  where f.discarded_at is null
  group by f.consumer, f.is_dead
$$;

comment on function ledger.metrics_of_delivery() is
  'Part of metrics(): relays and consumers.';
