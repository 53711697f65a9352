-- doctor(): the rules that emit_event() checks, checked again for the last 1,000 events of each
-- tenant until 10,000 are looked at; deep => true looks at all, hot and archived. A finding names
-- one event and counts those that break the same rule.
create or replace function ledger.check_events(deep boolean default false)
returns table (
  tenant_id text, severity text, kind text, object text, detail text, hint text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with recent as materialized (
    select e.*
    from ledger.tenants as t
    cross join lateral (
      select * from ledger.agent_events as a
      where a.tenant_id = t.tenant_id
      order by a.created_at desc
      limit 1000
    ) as e
    where not check_events.deep
    limit 10000
  ),
  looked_at as (
    select r.tenant_id, r.id, b.rule, b.detail
    from recent as r
    cross join lateral ledger.broken_rules(row(r.*)::ledger.agent_events) as b
    union all
    select e.tenant_id, e.id, b.rule, b.detail
    from ledger.agent_events as e
    cross join lateral ledger.broken_rules(e) as b
    where check_events.deep
    union all
    select e.tenant_id, e.id, b.rule, b.detail
    from ledger.agent_events_archive as e
    cross join lateral ledger.broken_rules(row(e.*)::ledger.agent_events) as b
    where check_events.deep
  )
  select
    l.tenant_id,
    case l.rule when 'clock' then 'warning' else 'error' end,
    'event ' || l.rule,
    format('event %s of tenant %s', min(l.id::text), l.tenant_id),
    format('%s (%s events)', l.detail, count(*)),
    case l.rule
      when 'clock' then 'The server''s clock was ahead, or emit_event() did not write it. Its stream '
        'goes on from there.'
      else 'It was not written by ledger.emit_event(). Compare it with a backup.'
    end
  from looked_at as l
  group by l.tenant_id, l.rule, l.detail
$$;

comment on function ledger.check_events(boolean) is
  'The part of doctor() about events; deep => true looks at every event.';
