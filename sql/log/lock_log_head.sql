-- Locks a tenant's log until the transaction ends, making its head with the first seal: there is
-- nothing from before the last sweep. NULL for what is no tenant.
create or replace function ledger.lock_log_head(tenant_id text)
returns ledger.log_heads
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_head ledger.log_heads;
begin
  select h.* into v_head
  from ledger.log_heads as h
  where h.tenant_id = lock_log_head.tenant_id
  for update;
  if not found then
    insert into ledger.log_heads (
      tenant_id, tree_size, root, block_no, block_hash, sealed_at, snapshot, epoch,
      system_identifier
    )
    select
      lock_log_head.tenant_id, 0, sha256(''), 0, sha256(''), clock_timestamp(), s.snapshot, 0,
      s.system_identifier
    from ledger.log_sweep as s
    where exists (
      select from ledger.tenants as t where t.tenant_id = lock_log_head.tenant_id
    )
    on conflict do nothing;
    select h.* into v_head
    from ledger.log_heads as h
    where h.tenant_id = lock_log_head.tenant_id
    for update;
  end if;
  return v_head;
end
$$;

comment on function ledger.lock_log_head(text) is
  'Part of seal(): locks a tenant''s log and returns where it stands; NULL for no tenant.';
