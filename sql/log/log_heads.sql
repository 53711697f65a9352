-- Where sealing stands, per tenant. One UPDATE here locks the tenant's log; everything that a seal
-- needs of the past is in this row and in log_edges.
create table ledger.log_heads (
  tenant_id text collate "C" primary key,
  tree_size bigint not null,
  root bytea not null,
  block_no bigint not null,
  block_hash bytea not null,
  sealed_at timestamptz not null,
  snapshot pg_snapshot not null,
  epoch int not null,
  system_identifier bigint not null
) with (fillfactor = 50);

comment on table ledger.log_heads is
  'Where the log of each tenant stands: size and root of its tree, and what the last seal saw.';
comment on column ledger.log_heads.tree_size is 'Number of sealed events; the next gets this position.';
comment on column ledger.log_heads.root is 'RFC 6962 tree hash over the first tree_size events.';
comment on column ledger.log_heads.snapshot is
  'What the last seal saw: every event of a transaction visible in it has its position.';
comment on column ledger.log_heads.epoch is
  'How often ledger.rebase_log() has carried the log over to another cluster.';
comment on column ledger.log_heads.system_identifier is
  'The cluster whose transaction ids snapshot is about (pg_control_system()).';
