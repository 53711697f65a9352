-- log_range_root() for a tree that may be damaged: NULL where a tile is missing.
create or replace function ledger.tree_root(tenant_id text, tree_size bigint)
returns bytea
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger.log_range_root(tree_root.tenant_id, 0, tree_root.tree_size);
exception when sqlstate 'LG010' then
  return null;
end
$$;

comment on function ledger.tree_root(text, bigint) is
  'Part of verify(): root of the tree at a size, NULL when a tile is missing.';
