-- Writes the block of a seal and advances the head. Where the setting ledger.notify is 'on' it says so
-- on the channel ledger_log, for subscriptions that wait: once per seal, never per event, because a
-- transaction that notifies holds a lock of the whole cluster while it commits.
create or replace function ledger.close_block(tenant_id text, added bigint, snapshot pg_snapshot)
returns ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_block ledger.log_blocks;
begin
  insert into ledger.log_blocks (
    tenant_id, block_no, first_position, tree_size, root, prev_block_hash, block_hash, sealed_at,
    epoch, next_xact_id
  )
  select
    h.tenant_id, h.block_no + 1, h.tree_size, b.tree_size, b.root, h.block_hash,
    ledger.block_hash(
      h.block_no + 1, h.tree_size, b.tree_size, b.root, h.block_hash, b.sealed_at
    ),
    b.sealed_at, h.epoch, pg_snapshot_xmax(close_block.snapshot)
  from ledger.log_heads as h
  cross join lateral (
    select
      h.tree_size + close_block.added as tree_size,
      ledger.edge_root(h.tenant_id) as root,
      greatest(clock_timestamp(), h.sealed_at) as sealed_at
    offset 0
  ) as b
  where h.tenant_id = close_block.tenant_id
  returning * into strict v_block;

  update ledger.log_heads as h
  set
    tree_size = v_block.tree_size,
    root = v_block.root,
    block_no = v_block.block_no,
    block_hash = v_block.block_hash,
    sealed_at = v_block.sealed_at,
    snapshot = close_block.snapshot
  where h.tenant_id = close_block.tenant_id;
  if ledger.setting('notify') = 'on' then
    perform pg_notify('ledger_log', close_block.tenant_id);
  end if;
  return row(
    v_block.tenant_id, close_block.added, v_block.tree_size, v_block.root, v_block.block_no
  );
end
$$;

comment on function ledger.close_block(text, bigint, pg_snapshot) is
  'Part of seal(): writes the block and advances the head of a tenant''s log.';
