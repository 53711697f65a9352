-- doctor(): messages in the outbox whose event does not exist. (An event without a message is no
-- finding: publish => false.) The last 1,000 messages of each tenant until 10,000 are looked at;
-- deep => true looks at all.
create or replace function ledger.check_outbox(deep boolean default false)
returns table (
  tenant_id text, severity text, kind text, object text, detail text, hint text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with looked_at as materialized (
    select m.tenant_id, m.created_at, m.id
    from ledger.tenants as t
    cross join lateral (
      select o.tenant_id, o.created_at, o.id
      from ledger.outbox as o
      where o.tenant_id = t.tenant_id
      order by o.created_at desc
      limit case when check_outbox.deep then null else 1000 end
    ) as m
    limit case when check_outbox.deep then null else 10000 end
  )
  select
    m.tenant_id,
    'error', 'outbox orphan', format('message %s of tenant %s', min(m.id::text), m.tenant_id),
    format('The outbox holds messages whose event does not exist (%s).', count(*)),
    'ledger.emit_event() did not write them. Do not deliver them.'
  from looked_at as m
  where not exists (
    select from ledger.agent_events as e
    where e.tenant_id = m.tenant_id and e.created_at = m.created_at and e.id = m.id
  ) and not exists (
    select from ledger.agent_events_archive as e
    where e.tenant_id = m.tenant_id and e.created_at = m.created_at and e.id = m.id
  ) and not ledger.is_cold(m.tenant_id, m.id)
  group by m.tenant_id
$$;

comment on function ledger.check_outbox(boolean) is
  'The part of doctor() about the outbox; deep => true looks at every message.';
