-- Is everything in place? One row per finding, the worst first; none of severity error or warning
-- when all is well. Looks at the catalog and at recent events; deep => true reads every event.
-- Changes nothing, locks nothing. What is found in the events, log or consumers of a tenant is for
-- who audits or operates that tenant; what concerns the whole ledger is for everybody who may ask.
create or replace function ledger.doctor(deep boolean default false)
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select f.severity, f.kind, f.object, f.detail, f.hint
  from (
    select null as tenant_id, c.* from ledger.check_guards() as c
    union all
    select null, c.* from ledger.check_roles() as c
    union all
    select null, c.* from ledger.check_grants() as c
    union all
    select null, c.* from ledger.check_partitions() as c
    union all
    select * from ledger.check_events(doctor.deep)
    union all
    select * from ledger.check_outbox(doctor.deep)
    union all
    select * from ledger.check_relays()
    union all
    select * from ledger.check_privacy(doctor.deep)
    union all
    select * from ledger.check_erasures(doctor.deep)
    union all
    select * from ledger.check_cold()
    union all
    select * from ledger.check_log()
    union all
    select * from ledger.check_inbox()
    union all
    select null, c.* from ledger.check_upcasters() as c
    union all
    select null, c.* from ledger.check_maintenance() as c
    union all
    select * from ledger.check_snapshots(doctor.deep)
    union all
    select * from ledger.check_capture()
  ) as f
  cross join (select ledger.permitted_for_any('{audit,operate}') as tenants) as p
  where f.tenant_id is null or array[f.tenant_id, '*'] && p.tenants
  order by array_position(array['error', 'warning', 'info'], f.severity), f.kind, f.object
$$;

comment on function ledger.doctor(boolean) is
  'What is wrong with guards, roles, privileges, partitions, events, relays, private data, cold '
  'files, sealing, consumers, upcasters, snapshots and tracked tables; of tenants those that '
  'you audit or operate; deep => true checks every event and snapshot.';
