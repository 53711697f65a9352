-- Whether some parked message of a relay and tenant may be tried again.
create or replace function ledger.has_due_retries(relay text, tenant_id text)
returns boolean
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from ledger.relay_parked as p
    where p.tenant_id = has_due_retries.tenant_id
      and p.relay = has_due_retries.relay
      and p.published_at is null
      and not p.is_dead
      and p.next_attempt_at <= clock_timestamp()
  )
$$;

comment on function ledger.has_due_retries(text, text) is
  'Part of claim_outbox(): whether a parked message may be tried again.';
