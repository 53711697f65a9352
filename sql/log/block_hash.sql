create or replace function ledger.block_hash(
  block_no bigint,
  first_position bigint,
  tree_size bigint,
  root bytea,
  prev_block_hash bytea,
  sealed_at timestamptz
)
returns bytea
language sql
immutable
parallel safe
return sha256(
  '\x6167656e742d6576656e74732f626c6f636b2f763100'::bytea || int8send(block_no)
  || int8send(first_position) || int8send(tree_size) || root || prev_block_hash
  || timestamptz_send(sealed_at)
);

comment on function ledger.block_hash(bigint, bigint, bigint, bytea, bytea, timestamptz) is
  'SHA-256 that chains a block to the one before (format agent-events/block/v1).';
