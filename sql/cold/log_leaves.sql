-- The leaves of a tenant's tree around these positions: those of whole tiles, and of the edge.
-- Inlined by the planner.
create or replace function ledger.log_leaves(
  tenant_id text,
  from_position bigint,
  to_position bigint
)
returns table ("position" bigint, leaf bytea)
language sql
stable
begin atomic
  select t.tile_index * 256 + i as "position", substr(t.tile, i * 32 + 1, 32) as leaf
  from (
    -- || detoasts a tile once, not for each of its leaves.
    select t.tile_index, t.hashes || ''::bytea as tile
    from ledger.log_tiles as t
    where t.tenant_id = log_leaves.tenant_id
      and t.level = 0
      and t.tile_index between log_leaves.from_position / 256 and log_leaves.to_position / 256
    union all
    select h.tree_size / 256, g.hashes || ''::bytea
    from ledger.log_heads as h
    join ledger.log_edges as g on g.tenant_id = h.tenant_id and g.level = 0
    where h.tenant_id = log_leaves.tenant_id
    offset 0  -- noqa: PRS
  ) as t
  cross join generate_series(0, octet_length(t.tile) / 32 - 1) as i;
end;

comment on function ledger.log_leaves(text, bigint, bigint) is
  'Part of finish_restore(): position and leaf of the tiles over a range of positions, and of the edge.';
