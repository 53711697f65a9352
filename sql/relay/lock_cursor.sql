-- The cursor of a relay and tenant, locked until the transaction ends; who changes delivery state
-- begins here. It is made where it is missing. NULL when another session holds it and we do not wait.
create or replace function ledger.lock_cursor(relay text, tenant_id text, wait boolean default true)
returns ledger.relay_cursors
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_cursor ledger.relay_cursors;
begin
  insert into ledger.relay_cursors (tenant_id, relay)
  select lock_cursor.tenant_id, lock_cursor.relay
  where not exists (
    select from ledger.relay_cursors as c
    where c.tenant_id = lock_cursor.tenant_id and c.relay = lock_cursor.relay
  )
  on conflict do nothing;
  if lock_cursor.wait then
    select c.* into v_cursor
    from ledger.relay_cursors as c
    where c.tenant_id = lock_cursor.tenant_id and c.relay = lock_cursor.relay
    for update;
  else
    select c.* into v_cursor
    from ledger.relay_cursors as c
    where c.tenant_id = lock_cursor.tenant_id and c.relay = lock_cursor.relay
    for update skip locked;
  end if;
  return v_cursor;
end
$$;

comment on function ledger.lock_cursor(text, text, boolean) is
  'Part of the relay: the cursor of a relay and tenant, locked.';
