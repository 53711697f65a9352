-- The root of the tree as it stands: the edges of all levels folded from the right. An empty level
-- changes nothing.
create or replace function ledger.edge_root(tenant_id text)
returns bytea
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hashes bytea;
  v_root bytea := ''::bytea;
begin
  for v_hashes in
    select g.hashes
    from ledger.log_edges as g
    where g.tenant_id = edge_root.tenant_id
    order by g.level
  loop
    if v_hashes <> '' then
      v_root := ledger.merkle_root(v_hashes || v_root);
    end if;
  end loop;
  return coalesce(nullif(v_root, ''), sha256(''));
end
$$;

comment on function ledger.edge_root(text) is
  'Part of seal(): root of a tenant''s tree from its right edge.';
