-- Aggregates that were looked at before and must be again, because their reducer is another now:
-- those with snapshots that do not count, and those whose reducer failed.
create or replace function ledger.snapshot_backlog(max_rows int)
returns table (tenant_id text, aggregate_type text, aggregate_id text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select b.tenant_id, b.aggregate_type, b.aggregate_id
  from (
    select s.tenant_id, s.aggregate_type, s.aggregate_id
    from ledger.stale_reducers() as r
    join ledger.snapshots as s
      on s.aggregate_type = r.aggregate_type and s.reducer_fingerprint = r.reducer_fingerprint
    where not r.is_gone
    union
    select f.tenant_id, f.aggregate_type, f.aggregate_id
    from ledger.snapshot_failures as f
    cross join lateral ledger.find_reducer(f.aggregate_type) as r
    where f.reducer_fingerprint <> r.fingerprint
  ) as b
  limit snapshot_backlog.max_rows
$$;

comment on function ledger.snapshot_backlog(int) is
  'Part of maintain(): aggregates whose reducer changed since their snapshots were made, or failed.';
