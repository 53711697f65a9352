-- The tenant's Merkle tree in full tiles of 256 hashes (C2SP tlog-tiles): at level 0 the hashes of
-- events, at level n the roots of the tiles of level n - 1. A tile is written once, when it is
-- full; what is not full yet stands in log_edges.
-- (sqlfluff takes "hashes" for a keyword.)
create table ledger.log_tiles (  -- noqa: PRS
  tenant_id text collate "C" not null,
  level int not null,
  tile_index bigint not null,
  hashes bytea not null,
  primary key (tenant_id, level, tile_index)
);

-- Hashes do not compress.
alter table ledger.log_tiles alter column hashes set storage external;

comment on table ledger.log_tiles is
  'Full tiles of each tenant''s RFC 6962 tree, as in C2SP tlog-tiles: 256 hashes of 32 bytes.';
