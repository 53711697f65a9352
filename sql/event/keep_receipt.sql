-- find_receipt() holds the key's lock and saw no such key, so a conflict means an older snapshot
-- (REPEATABLE READ) that cannot see the other transaction's event.
create or replace function ledger.keep_receipt(
  tenant_id text,
  idempotency_key text,
  id uuid,
  created_at timestamptz
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into ledger.idempotency_keys (tenant_id, key, event_id, created_at)
  values (
    keep_receipt.tenant_id,
    keep_receipt.idempotency_key,
    keep_receipt.id,
    keep_receipt.created_at
  )
  on conflict do nothing;
  if not found then
    raise exception using
      errcode = 'serialization_failure',
      message = format(
        'idempotency key %L was used by a transaction that this one cannot see',
        keep_receipt.idempotency_key
      ),
      hint = 'Roll back and run the transaction again.';
  end if;
end
$$;

comment on function ledger.keep_receipt(text, text, uuid, timestamptz) is
  'Part of emit_event(): remembers which event an idempotency key stands for.';
