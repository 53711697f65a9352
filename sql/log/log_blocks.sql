-- One block per seal that found something: what the tree was then. Its hash chains the blocks
-- (docs/leaf-format.md gives the bytes).
create table ledger.log_blocks (
  tenant_id text collate "C" not null,
  block_no bigint not null,
  first_position bigint not null,
  tree_size bigint not null,
  root bytea not null,
  prev_block_hash bytea not null,
  block_hash bytea not null,
  sealed_at timestamptz not null,
  epoch int not null,
  next_xact_id xid8 not null,
  primary key (tenant_id, block_no)
);

-- Finds the block of a position.
create unique index log_blocks_position on ledger.log_blocks (tenant_id, first_position);

comment on table ledger.log_blocks is
  'One row per seal: positions first_position to tree_size - 1 and the root of the tree after '
  'them; block_hash chains them.';
comment on column ledger.log_blocks.next_xact_id is
  'No transaction from this id on was over when the block was sealed. Not hashed; tells late '
  'commits from back-dated rows.';
