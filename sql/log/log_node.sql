-- The hash of a perfect subtree: of the 2 ^ height leaves from index * 2 ^ height on. A tile holds
-- every eighth level; what lies between is folded from it.
create or replace function ledger.log_node(tenant_id text, height int, index bigint)
returns bytea
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_level int := log_node.height / 8;
  v_width int := 1 << (log_node.height % 8);
  v_first bigint := log_node.index * v_width;
  v_hashes bytea;
begin
  select substr(t.hashes, (v_first & 255)::int * 32 + 1, v_width * 32) into v_hashes
  from ledger.log_tiles as t
  where t.tenant_id = log_node.tenant_id
    and t.level = v_level
    and t.tile_index = v_first >> 8;
  if not found then
    select substr(g.hashes, (v_first & 255)::int * 32 + 1, v_width * 32) into v_hashes
    from ledger.log_edges as g
    where g.tenant_id = log_node.tenant_id and g.level = v_level;
  end if;
  if octet_length(v_hashes) = v_width * 32 is not true then
    raise exception using
      errcode = 'LG010',
      message = format(
        'tile %s of level %s of tenant %s is missing', v_first >> 8, v_level, log_node.tenant_id
      ),
      hint = 'select * from ledger.verify(); says what else is wrong.';
  end if;
  return ledger.merkle_root(v_hashes);
end
$$;

comment on function ledger.log_node(text, int, bigint) is
  'Hash of a perfect subtree of a tenant''s tree: 2 ^ height leaves, the index-th such.';
