-- Whether making a snapshot failed with this reducer; events that were missing may be back.
create or replace function ledger.has_failed(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  reducer_fingerprint bytea
)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from ledger.snapshot_failures as f
    where f.tenant_id = has_failed.tenant_id
      and f.aggregate_type = has_failed.aggregate_type
      and f.aggregate_id = has_failed.aggregate_id
      and f.reducer_fingerprint = coalesce(has_failed.reducer_fingerprint, '')
      and f.sqlstate <> 'LG016'
  )
$$;

comment on function ledger.has_failed(text, text, text, bytea) is
  'Part of maintain(): whether an aggregate''s reducer failed, and is the same still.';
