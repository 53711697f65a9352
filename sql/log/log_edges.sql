-- The growing right edge of each tenant's tree: of every level the hashes that do not fill a tile
-- yet. Apart from log_heads, so that a seal rewrites the level it touches and no other.
-- (sqlfluff takes "hashes" for a keyword.)
create table ledger.log_edges (  -- noqa: PRS
  tenant_id text collate "C" not null,
  level int not null,
  hashes bytea not null,
  primary key (tenant_id, level)
) with (fillfactor = 50);

-- Hashes do not compress.
alter table ledger.log_edges alter column hashes set storage external;

comment on table ledger.log_edges is
  'The incomplete tile of each level of a tenant''s tree: up to 255 hashes of 32 bytes.';
