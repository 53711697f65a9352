-- doctor(): snapshots that are not to be believed, among the newest 1,000 (deep => true: all);
-- reducers that changed, are gone, or fail. What does not count is made anew by maintain().
create or replace function ledger.check_snapshots(deep boolean default false)
returns table (
  tenant_id text, severity text, kind text, object text, detail text, hint text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    s.tenant_id,
    'error', 'snapshot forged',
    format(
      'snapshot %s of %s/%s of tenant %s', s.id, s.aggregate_type, s.aggregate_id, s.tenant_id
    ),
    s.problem,
    'Nobody is served from it. Find out who changed it; select * from ledger.verify_snapshots();'
  from (
    select n.id, n.aggregate_type, n.aggregate_id, n.tenant_id,
      ledger.snapshot_problem(n) as problem
    from (
      select s.*
      from ledger.snapshots as s
      order by s.created_at desc
      limit case when not check_snapshots.deep then 1000 end
    ) as n
  ) as s
  where s.problem is not null
  union all
  select
    null,
    'info', 'snapshot stale', format('aggregate type %s', r.aggregate_type),
    'Its reducer changed since: these snapshots do not count.',
    'call ledger.maintain(); makes them anew.'
  from ledger.stale_reducers() as r
  union all
  select
    null,
    case when f.fingerprint is null then 'error' else 'warning' end,
    case when f.fingerprint is null then 'reducer missing' else 'reducer changed' end,
    r.reducer,
    format('Not as it was when it was registered for %s, %s.', r.aggregate_type, r.registered_at),
    'ledger.register_reducer() checks it again and takes it as it is.'
  from ledger.reducers as r
  cross join lateral (
    select ledger.reducer_fingerprint(r.reducer, r.initial, r.upcast) as fingerprint
  ) as f
  where f.fingerprint is distinct from r.fingerprint
  union all
  select
    f.tenant_id,
    'warning',
    case f.sqlstate when 'LG016' then 'events missing' else 'reducer failed' end,
    format('%s/%s of tenant %s', f.aggregate_type, f.aggregate_id, f.tenant_id),
    f.error,
    'It gets no snapshots. Mend the reducer; ledger.maintain() then tries again.'
  from ledger.snapshot_failures as f
$$;

comment on function ledger.check_snapshots(boolean) is
  'The part of doctor() about snapshots and reducers.';
