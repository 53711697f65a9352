-- doctor(): cold partitions. Each needs its drop on record, in cold_drops and as an event
-- ledger.partition_dropped; where the last event about a partition is itself in a cold file, that it
-- was sealed is enough. Whether a hold on a stream or correlation covered what was dropped, the
-- events alone could tell, which are in the file.
create or replace function ledger.check_cold()
returns table (
  tenant_id text, severity text, kind text, object text, detail text, hint text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with looked_at as (
    select p.*, d.dropped_at, d.event_id, e.event_type, e.payload ->> 'new_tier' as new_tier
    from ledger.partitions as p
    left join lateral (
      select d.* from ledger.cold_drops as d
      where d.partition_name = p.partition_name
      order by d.dropped_at desc
      limit 1
    ) as d on true
    left join lateral (
      select e.event_type, e.payload from ledger.events as e
      where e.tenant_id = 'ledger'
        and e.aggregate_type = 'partition'
        and e.aggregate_id = p.partition_name::text
      order by e.sequence desc
      limit 1
    ) as e on true
    where p.parent_name = 'agent_events'
      and (p.tier in ('cold', 'dropped') or d.dropped_at is not null)
  )
  select
    null::text,
    'error', 'dropped without record', l.partition_name::text,
    case
      when l.dropped_at is null then format('The manifest says %s, but no drop is on record.', l.tier)
      when l.event_type is not null
        then format('The manifest says %s, the last event about it is %s.', l.tier, l.event_type)
      else 'No event ledger.partition_dropped records its drop.'
    end,
    'ledger.drop_cold() did not drop it. Find out who did, and restore it from its file or a backup.'
  from looked_at as l
  where l.tier in ('cold', 'dropped')
    and (
      l.dropped_at is null
      or l.event_type <> 'ledger.partition_dropped'
      or l.new_tier <> l.tier
      or not exists (
        select from ledger.events as e
        where e.tenant_id = 'ledger'
          and e.created_at = ledger.event_time(l.event_id)
          and e.id = l.event_id
      ) and not ledger.is_cold('ledger', l.event_id)
    )
  union all
  select
    null,
    'error', 'drop not done', l.partition_name::text,
    format('Its drop is on record, but the manifest says %s.', l.tier),
    'ledger.drop_cold() does both or none. Find out who called ledger.permit_drop().'
  from looked_at as l
  where l.tier in ('hot', 'archive')
    and l.event_type = 'ledger.partition_dropped'
  union all
  select distinct
    h.tenant_id,
    'error', 'dropped under a hold', d.partition_name::text,
    format('The legal hold %s of tenant %s covered it then.', h.id, h.tenant_id),
    'ledger.drop_cold() refuses that. Restore it from its file, and find out who did it.'
  from ledger.cold_drops as d
  join ledger.cold_ranges as r
    on r.partition_name = d.partition_name and r.file_sha256 = d.file_sha256
  join ledger.legal_holds as h
    on h.tenant_id = r.tenant_id
    and h.aggregate_id is null
    and h.correlation_id is null
    and h.placed_at <= d.dropped_at
    and coalesce(least(h.released_at, h.until_time) > d.dropped_at, true)
  where exists (
    select
    from ledger.log_entries as l
    where l.tenant_id = r.tenant_id
      and l.position >= lower(r.positions)
      and l.position < upper(r.positions)
      and r.positions @> l.position
      and ledger.covers(h, null, null, null, l.created_at)
      and (
        h.subject_id is null
        or exists (
          select from ledger.event_private as p
          where p.tenant_id = l.tenant_id
            and p.event_id = l.event_id
            and p.subject_id = h.subject_id
        )
      )
  )
  union all
  select
    null,
    'warning', 'restore not finished', c.oid::regclass::text,
    'Events were, or are, copied into it, and it is not attached.',
    format(
      'select ledger.finish_restore(%L); or begin again with ledger.begin_restore().',
      l.partition_name
    )
  from looked_at as l
  join pg_class as c
    on c.relname = l.partition_name and c.relnamespace = to_regnamespace('ledger')
  where l.tier in ('cold', 'dropped')
    and not exists (select from pg_inherits as i where i.inhrelid = c.oid)
$$;

comment on function ledger.check_cold() is 'The part of doctor() about cold partitions.';
