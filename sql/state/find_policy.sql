create or replace function ledger.find_policy(aggregate_type text)
returns ledger.snapshot_policy
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select p
  from ledger.snapshot_policy as p
  where p.aggregate_type in (find_policy.aggregate_type, '*')
  order by p.aggregate_type = '*'
  limit 1
$$;

comment on function ledger.find_policy(text) is
  'The snapshot policy of an aggregate type, its own or that of *.';
