create or replace function ledger.block_of(tenant_id text, awaited_position bigint)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select b.block_no
  from ledger.log_blocks as b
  where b.tenant_id = block_of.tenant_id and b.first_position <= block_of.awaited_position
  order by b.first_position desc
  limit 1
$$;

comment on function ledger.block_of(text, bigint) is
  'Part of verify(): the block that a position was sealed in.';
