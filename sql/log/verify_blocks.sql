-- verify(): the blocks over a range of positions: numbers and positions without a gap, each hash
-- that of its fields, chained to the one before, each root that of the tree; and the head.
create or replace function ledger.verify_blocks(
  tenant_id text,
  from_position bigint,
  to_position bigint
)
returns table (kind text, block_no bigint, "position" bigint, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with blocks as (
    select
      b.*,
      lag(b.block_no, 1, 0::bigint) over chain as no_before,
      lag(b.tree_size, 1, 0::bigint) over chain as size_before,
      lag(b.block_hash, 1, sha256('')) over chain as hash_before
    from ledger.log_blocks as b
    where b.tenant_id = verify_blocks.tenant_id
    window chain as (order by b.block_no)
  ),
  last_block as (
    select b.* from ledger.log_blocks as b
    where b.tenant_id = verify_blocks.tenant_id
    order by b.block_no desc
    limit 1
  )
  select r.kind, b.block_no, b.first_position, r.detail
  from blocks as b
  cross join lateral (values
    (
      'missing block', b.block_no <> b.no_before + 1,
      format('Block %s follows block %s.', b.block_no, b.no_before)
    ),
    (
      'missing block', b.block_no = b.no_before + 1 and b.first_position <> b.size_before,
      format('It begins at %s, the block before ended at %s.', b.first_position, b.size_before)
    ),
    (
      'changed block', b.block_hash <> ledger.block_hash(
        b.block_no, b.first_position, b.tree_size, b.root, b.prev_block_hash, b.sealed_at
      ),
      'block_hash is not the hash of its fields.'
    ),
    (
      'changed block',
      b.block_no = b.no_before + 1 and b.prev_block_hash <> b.hash_before,
      'prev_block_hash is not the hash of the block before.'
    ),
    (
      'changed block',
      b.root is distinct from ledger.tree_root(verify_blocks.tenant_id, b.tree_size),
      'root is not the root of the tree at its size.'
    )
  ) as r (kind, is_broken, detail)
  where r.is_broken
    and b.tree_size > verify_blocks.from_position
    and b.first_position < greatest(verify_blocks.to_position, 1)
  union all
  select
    'wrong head', h.block_no, h.tree_size,
    format(
      'It stands at block %s and size %s, the last block is %s with size %s.',
      h.block_no, h.tree_size, coalesce(b.block_no, 0), coalesce(b.tree_size, 0)
    )
  from ledger.log_heads as h
  left join last_block as b on true
  where h.tenant_id = verify_blocks.tenant_id
    and (
      (h.block_no, h.tree_size, h.root, h.block_hash)
      is distinct from (
        coalesce(b.block_no, 0), coalesce(b.tree_size, 0), coalesce(b.root, sha256('')),
        coalesce(b.block_hash, sha256(''))
      )
    )
$$;

comment on function ledger.verify_blocks(text, bigint, bigint) is
  'Part of verify(): blocks over a range of positions, and the head.';
