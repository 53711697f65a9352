-- doctor(): erasures without the event that records them, and erasures of what a hold covered then.
-- The last 1,000 of each tenant until 10,000 are looked at; deep => true looks at all.
create or replace function ledger.check_erasures(deep boolean default false)
returns table (
  tenant_id text, severity text, kind text, object text, detail text, hint text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with looked_at as materialized (
    select r.*
    from ledger.tenants as t
    cross join lateral (
      select x.*
      from ledger.erasures as x
      where x.tenant_id = t.tenant_id
      order by x.erasure_id desc
      limit case when check_erasures.deep then null else 1000 end
    ) as r
    limit case when check_erasures.deep then null else 10000 end
  )
  select
    l.tenant_id,
    'error', 'erasure without event', format('erasure %s of tenant %s', l.erasure_id, l.tenant_id),
    format('No event ledger.private_erased records it (%s events).', count(*)),
    'ledger.erase_private() did not write it. Find out who did, and compare with a backup.'
  from looked_at as l
  where not exists (
    select
    from ledger.events as e
    where e.tenant_id = l.tenant_id
      and e.created_at = ledger.event_time(l.erasure_id)
      and e.id = l.erasure_id
      and e.event_type = 'ledger.private_erased'
  ) and not ledger.is_cold(l.tenant_id, l.erasure_id)
  group by l.tenant_id, l.erasure_id
  union all
  select
    l.tenant_id,
    'error', 'erased under a hold', format('erasure %s of tenant %s', l.erasure_id, l.tenant_id),
    format('The legal hold %s covered it then (%s events).', h.id, count(*)),
    'ledger.erase_private() refuses that. Restore the data from a backup, and find out who did it.'
  from looked_at as l
  join ledger.legal_holds as h
    on h.tenant_id = l.tenant_id
    and h.placed_at <= l.erased_at
    and coalesce(least(h.released_at, h.until_time) > l.erased_at, true)
  join ledger.events as e
    on e.tenant_id = l.tenant_id
    and e.created_at = ledger.event_time(l.event_id)
    and e.id = l.event_id
  where ledger.covers(h, e.aggregate_type, e.aggregate_id, e.correlation_id, e.created_at)
    and coalesce(ledger.subject_hash(h.subject_id, h.tenant_id) = l.subject_hash, h.subject_id is null)
  group by l.tenant_id, l.erasure_id, h.id
$$;

comment on function ledger.check_erasures(boolean) is
  'The part of doctor() about erasures; deep => true looks at every one.';
