-- seal_events(), carefully where it has to be: in a log that was carried over from another cluster,
-- or when the unique index on log_entries says that a row carries the id of a sealed event. Such a
-- row is forged; it gets no position, and verify() reports it.
create or replace function ledger.seal_locked(tenant_ids text[], since pg_snapshot)
returns setof ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select r.*
  from ledger.seal_events(seal_locked.tenant_ids, seal_locked.since, exists (
    select from ledger.log_heads as h
    where h.tenant_id = any(seal_locked.tenant_ids) and h.epoch > 0
  )) as r;
exception when unique_violation then
  return query
  select r.* from ledger.seal_events(seal_locked.tenant_ids, seal_locked.since, true) as r;
end
$$;

comment on function ledger.seal_locked(text[], pg_snapshot) is
  'Part of seal(): seals what is new of tenants whose logs are locked.';
