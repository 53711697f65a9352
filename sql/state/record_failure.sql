create or replace function ledger.record_failure(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  reducer_fingerprint bytea,
  sqlstate text,
  error text
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  insert into ledger.snapshot_failures (
    tenant_id, aggregate_type, aggregate_id, reducer_fingerprint, sqlstate, error
  )
  values (
    record_failure.tenant_id, record_failure.aggregate_type, record_failure.aggregate_id,
    coalesce(record_failure.reducer_fingerprint, ''), record_failure.sqlstate,
    record_failure.error
  )
  on conflict (tenant_id, aggregate_type, aggregate_id) do update
  set
    reducer_fingerprint = excluded.reducer_fingerprint,
    sqlstate = excluded.sqlstate,
    error = excluded.error,
    failed_at = excluded.failed_at;
end
$$;

comment on function ledger.record_failure(text, text, text, bytea, text, text) is
  'Part of maintain(): writes a row of ledger.snapshot_failures.';
