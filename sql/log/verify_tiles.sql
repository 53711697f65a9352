-- verify(): the tiles over a range of positions, on every level: each is there, whole, and folds to
-- its hash on the level above. Tiles are found by key and meet those above by hash, whatever
-- statistics say.
create or replace function ledger.verify_tiles(
  tenant_id text,
  from_position bigint,
  to_position bigint
)
returns table (kind text, "position" bigint, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_seqscan = off
set jit = off
as $$
  with recursive levels (level, tree_size, first_tile, last_tile, hashes_here) as (
    select
      0, h.tree_size, verify_tiles.from_position / 256, (verify_tiles.to_position - 1) / 256,
      h.tree_size
    from ledger.log_heads as h
    where h.tenant_id = verify_tiles.tenant_id and h.tree_size > 0
    union all
    select l.level + 1, l.tree_size, l.first_tile / 256, l.last_tile / 256, l.hashes_here / 256
    from levels as l
    where l.hashes_here >= 256
  ),
  tiles as (
    select
      l.level, t.tile_index, l.hashes_here / 256 = t.tile_index as is_edge,
      least(l.hashes_here - t.tile_index * 256, 256) as wanted,
      case
        when l.hashes_here / 256 = t.tile_index then (
          select g.hashes from ledger.log_edges as g
          where g.tenant_id = verify_tiles.tenant_id and g.level = l.level
        )
        else (
          select s.hashes from ledger.log_tiles as s
          where s.tenant_id = verify_tiles.tenant_id
            and s.level = l.level
            and s.tile_index = t.tile_index
        )
      end as hashes
    from levels as l
    cross join lateral generate_series(l.first_tile, l.last_tile) as t (tile_index)
    where l.hashes_here > t.tile_index * 256
  )
  select
    'changed tile',
    t.tile_index << (8 * t.level + 8),
    format(
      'Tile %s of level %s %s',
      t.tile_index,
      t.level,
      case
        when t.hashes is null then 'is missing.'
        when octet_length(t.hashes) <> t.wanted * 32
          then format('holds %s bytes, not %s hashes.', octet_length(t.hashes), t.wanted)
        else format('does not fold to its hash on level %s.', t.level + 1)
      end
    )
  from tiles as t
  left join tiles as above
    on not t.is_edge and above.level = t.level + 1 and above.tile_index = t.tile_index / 256
  where t.hashes is null
    or octet_length(t.hashes) <> t.wanted * 32
    or ledger.merkle_root(t.hashes)
    <> substr(above.hashes, (t.tile_index % 256)::int * 32 + 1, 32)
$$;

comment on function ledger.verify_tiles(text, bigint, bigint) is
  'Part of verify(): the tiles of the tree over a range of positions.';
