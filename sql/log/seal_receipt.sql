-- What seal() returns.
create type ledger.seal_receipt as (
  tenant_id text,
  sealed bigint,
  tree_size bigint,
  root bytea,
  block_no bigint
);

comment on type ledger.seal_receipt is
  'How many events a seal gave positions to; tree_size, root and block_no of the log after it.';
