-- The receipt that an idempotency key already stands for; no row when the key is new. Locks the key until the transaction
-- ends, so that two transactions with the same key come one after the other.
create or replace function ledger.find_receipt(
  tenant_id text, idempotency_key text, event_type text,
  out id uuid, out created_at timestamptz, out sequence bigint, out hash bytea
)
returns setof record
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_event_type text;
begin
  perform pg_advisory_xact_lock(hashtextextended(find_receipt.tenant_id || ' ' || find_receipt.idempotency_key, 7305));
  select e.id, e.created_at, e.sequence, e.hash, e.event_type
  into id, created_at, sequence, hash, v_event_type
  from ledger.idempotency_keys as k
  join ledger.events as e on e.tenant_id = k.tenant_id and e.created_at = k.created_at and e.id = k.event_id
  where k.tenant_id = find_receipt.tenant_id and k.key = find_receipt.idempotency_key;
  if not found then
    return;
  end if;
  if v_event_type <> find_receipt.event_type then
    raise exception using
      errcode = 'LG009',
      message = format('idempotency key %L already stands for an event of type %s', find_receipt.idempotency_key, v_event_type),
      detail = format('event %s', id),
      hint = 'Use one key per event, for instance the id of the request together with the event type.';
  end if;
  return next;
end
$$;

comment on function ledger.find_receipt(text, text, text) is
  'Part of emit_event(): the receipt that an idempotency key already stands for, if any.';
