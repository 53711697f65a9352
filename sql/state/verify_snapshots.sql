-- Are the snapshots what they should be? One row per finding, none when all is well. deep => true
-- replays each aggregate from its first event and compares the states, which also finds a snapshot
-- that was forged together with its event.
create or replace function ledger.verify_snapshots(
  deep boolean default false,
  tenant_id text default null
)
returns table (
  kind text,
  aggregate_type text,
  aggregate_id text,
  sequence bigint,
  snapshot_id uuid,
  detail text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(verify_snapshots.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  return query
  select f.kind, s.aggregate_type, s.aggregate_id, s.sequence, s.id, f.detail
  from ledger.snapshots as s
  cross join lateral ledger.find_reducer(s.aggregate_type) as r
  cross join lateral (values
    ('snapshot forged', ledger.snapshot_problem(s)),
    (
      'snapshot stale',
      case
        when s.reducer_fingerprint is distinct from r.fingerprint
          then 'Another reducer made it; ledger.maintain() makes it anew.'
      end
    )
  ) as f (kind, detail)
  where s.tenant_id = v_tenant_id and f.detail is not null
  order by s.aggregate_type, s.aggregate_id, s.sequence, f.kind;
  if verify_snapshots.deep then
    return query select f.* from ledger.replayed_snapshots(v_tenant_id) as f;
  end if;
end
$$;

comment on function ledger.verify_snapshots(boolean, text) is
  'What is wrong with a tenant''s snapshots, no row when nothing is: "snapshot forged" or "snapshot '
  'stale"; deep => true also replays every aggregate and compares ("wrong state").';
