-- The receipt that an idempotency key already stands for; NULL when the key is new. Locks the key
-- until the transaction ends, so that two transactions with one key come one after the other.
create or replace function ledger.find_receipt(
  tenant_id text,
  idempotency_key text,
  event_type text
)
returns ledger.receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_receipt ledger.receipt;
  v_event_type text;
begin
  perform pg_advisory_xact_lock(
    hashtextextended(find_receipt.tenant_id || ' ' || find_receipt.idempotency_key, 7305)
  );
  select e.id, e.created_at, e.sequence, e.hash, true, e.event_type
  into
    v_receipt.id, v_receipt.created_at, v_receipt.sequence, v_receipt.hash, v_receipt.duplicate,
    v_event_type
  from ledger.idempotency_keys as k
  join ledger.events as e
    on e.tenant_id = k.tenant_id and e.created_at = k.created_at and e.id = k.event_id
  where k.tenant_id = find_receipt.tenant_id and k.key = find_receipt.idempotency_key;
  if v_event_type <> find_receipt.event_type then
    raise exception using
      errcode = 'LG009',
      message = format(
        'idempotency key %L already stands for an event of type %s',
        find_receipt.idempotency_key, v_event_type
      ),
      detail = format('event %s', v_receipt.id),
      hint = 'Use one key per event, for instance the id of the request together with the type.';
  end if;
  return v_receipt;
end
$$;

comment on function ledger.find_receipt(text, text, text) is
  'Part of emit_event(): the receipt that an idempotency key already stands for; NULL when none.';
