-- doctor(): private data against the events that commit to it, for the last 1,000 events of each
-- tenant until 10,000 are looked at; deep => true looks at all. What is gone must be named by an
-- erasure, what is there must be what was emitted. Whether data that is gone was under a hold shows
-- only where the hold is not on a person: who it was about went with it.
create or replace function ledger.check_privacy(deep boolean default false)
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
      select
        e.tenant_id, e.id, e.private_hash, e.aggregate_type, e.aggregate_id, e.correlation_id,
        e.created_at
      from ledger.events as e
      where e.tenant_id = t.tenant_id
      order by e.created_at desc
      limit case when check_privacy.deep then null else 1000 end
    ) as r
    limit case when check_privacy.deep then null else 10000 end
  ),
  compared as (
    select
      l.tenant_id,
      l.id,
      case
        when p.event_id is not null and x.is_erased then 'erased data is back'
        when p.event_id is not null and l.private_hash is distinct from
          ledger.private_hash(p.salt, p.private) then 'private data altered'
        when p.event_id is null and l.private_hash is not null and not x.is_erased then
          case when h.is_held then 'held private data missing' else 'private data missing' end
      end as kind
    from looked_at as l
    left join ledger.event_private as p on p.tenant_id = l.tenant_id and p.event_id = l.id
    cross join lateral (
      select exists (
        select from ledger.erasures as x where x.tenant_id = l.tenant_id and x.event_id = l.id
      ) as is_erased
    ) as x
    cross join lateral (
      select exists (
        select
        from ledger.legal_holds as h
        join ledger.active_holds as a on a.tenant_id = h.tenant_id and a.id = h.id
        where h.tenant_id = l.tenant_id
          and h.subject_id is null
          and ledger.covers(h, l.aggregate_type, l.aggregate_id, l.correlation_id, l.created_at)
      ) as is_held
    ) as h
    where l.private_hash is not null or p.event_id is not null
  )
  select
    c.tenant_id,
    'error', c.kind, format('event %s of tenant %s', min(c.id::text), c.tenant_id),
    format('%s (%s events)', k.detail, count(*)), k.hint
  from compared as c
  join (values
    (
      'private data missing', 'It is gone, and no erasure names it.',
      'ledger.erase_private() did not delete it. Find out who did, and compare with a backup.'
    ),
    (
      'held private data missing', 'It is gone, no erasure names it, and a legal hold covers it.',
      'ledger.erase_private() did not delete it. Restore it from a backup, and find out who did.'
    ),
    (
      'private data altered', 'It is not what the event commits to.',
      'It was changed after it was emitted. Compare it with a backup.'
    ),
    (
      'erased data is back', 'It was erased, and is there again.',
      'A backup brought it back: erase it again with ledger.erase_private().'
    )
  ) as k (kind, detail, hint) on k.kind = c.kind
  group by c.tenant_id, c.kind, k.detail, k.hint
$$;

comment on function ledger.check_privacy(boolean) is
  'The part of doctor() about private data; deep => true looks at every event.';
