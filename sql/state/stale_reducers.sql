-- Reducers that there are snapshots of and that are not what they were: the snapshots do not count.
create or replace function ledger.stale_reducers()
returns table (aggregate_type text, reducer_fingerprint bytea, is_gone boolean)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select s.aggregate_type, s.reducer_fingerprint, r.fingerprint is null
  from (
    select distinct s.aggregate_type, s.reducer_fingerprint from ledger.snapshots as s
  ) as s
  cross join lateral ledger.find_reducer(s.aggregate_type) as r
  where s.reducer_fingerprint is distinct from r.fingerprint
$$;

comment on function ledger.stale_reducers() is
  'Part of maintain() and doctor(): reducers whose snapshots do not count any longer.';
