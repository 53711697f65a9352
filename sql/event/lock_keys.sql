-- Locks the idempotency keys of a batch, in one order and before any stream, as emit_event does:
-- neither deadlocks the other. Returns the elements that will write an event, without those whose
-- key already stands for one.
create or replace function ledger.lock_keys(tenant_id text, events jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not lock_keys.events @? '$[*].idempotency_key' then
    return lock_keys.events;
  end if;
  perform pg_advisory_xact_lock(k.lock)
  from (
    select distinct hashtextextended(
      lock_keys.tenant_id || ' ' || (e.value ->> 'idempotency_key'), 7305
    ) as lock
    from jsonb_array_elements(lock_keys.events) as e
    where e.value ->> 'idempotency_key' is not null
    order by lock
  ) as k;
  return (
    select coalesce(jsonb_agg(f.value), '[]')
    from (
      select distinct on (g.key, case when g.key is null then g.ordinality end) g.key, g.value
      from (
        select e.value ->> 'idempotency_key' as key, e.value, e.ordinality
        from jsonb_array_elements(lock_keys.events) with ordinality as e
      ) as g
      order by g.key, case when g.key is null then g.ordinality end, g.ordinality
    ) as f
    where not exists (
      select
      from ledger.idempotency_keys as k
      where k.tenant_id = lock_keys.tenant_id and k.key = f.key
    )
  );
end
$$;

comment on function ledger.lock_keys(text, jsonb) is
  'Part of emit_events(): locks the idempotency keys of a batch and returns its elements that '
  'will write an event.';
