create table ledger.idempotency_keys (
  tenant_id text collate "C" not null,
  key text collate "C" not null check (length(key) between 1 and 255),
  event_id uuid not null,
  created_at timestamptz not null,
  primary key (tenant_id, key)
);

create index idempotency_keys_created_at on ledger.idempotency_keys (tenant_id, created_at);

comment on table ledger.idempotency_keys is
  'Which event an idempotency key stands for; a retry with the same key gets that event''s '
  'receipt.';
