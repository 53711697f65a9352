-- Takes the new edge of level 0 and the roots of the tiles that were filled there up the tree:
-- level by level, what fills a tile is written, and the tile's root goes one level up.
create or replace function ledger.grow_tree(tenant_id text, edge bytea, roots bytea)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_level int := 0;
  v_edge bytea := coalesce(grow_tree.edge, '');
  v_roots bytea := grow_tree.roots;
  v_hashes bytea;
  v_full int;
  v_first bigint;
begin
  loop
    insert into ledger.log_edges as g (tenant_id, level, hashes)
    values (grow_tree.tenant_id, v_level, v_edge)
    on conflict (tenant_id, level) do update set hashes = excluded.hashes;
    exit when v_roots is null;

    v_level := v_level + 1;
    v_hashes := coalesce((
      select g.hashes
      from ledger.log_edges as g
      where g.tenant_id = grow_tree.tenant_id and g.level = v_level
    ), '') || v_roots;
    v_full := octet_length(v_hashes) / 8192;
    v_edge := substr(v_hashes, v_full * 8192 + 1);
    v_roots := null;
    if v_full > 0 then
      select coalesce(max(t.tile_index) + 1, 0) into v_first
      from ledger.log_tiles as t
      where t.tenant_id = grow_tree.tenant_id and t.level = v_level;
      insert into ledger.log_tiles (tenant_id, level, tile_index, hashes)
      select grow_tree.tenant_id, v_level, v_first + i, substr(v_hashes, i * 8192 + 1, 8192)
      from generate_series(0, v_full - 1) as i;
      v_roots := (
        select string_agg(ledger.merkle_root(substr(v_hashes, i * 8192 + 1, 8192)), '' order by i)
        from generate_series(0, v_full - 1) as i
      );
    end if;
  end loop;
end
$$;

comment on function ledger.grow_tree(text, bytea, bytea) is
  'Part of seal(): writes the edge of level 0 and takes the roots of new tiles up the tree.';
