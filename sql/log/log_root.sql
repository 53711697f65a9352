create or replace function ledger.log_root(
  tenant_id text default null,
  tree_size bigint default null
)
returns bytea
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(log_root.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  return ledger.log_range_root(
    v_tenant_id, 0, ledger.require_tree_size(v_tenant_id, log_root.tree_size)
  );
end
$$;

comment on function ledger.log_root(text, bigint) is
  'Root of a tenant''s tree when it held tree_size events (NULL = now), folded from the tiles; '
  'SHA-256 of nothing for 0.';
