-- Counts the next events of one tenant, at most so many, and moves its cursor on. Locks the cursor:
-- who comes second waits, and goes on where the first one stopped.
create or replace function ledger.count_tenant(tenant_id text, max_events bigint)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_after bigint;
  v_through bigint;
  v_counted bigint;
begin
  insert into ledger.count_cursors (tenant_id)
  values (count_tenant.tenant_id)
  on conflict do nothing;
  select c.position into v_after
  from ledger.count_cursors as c
  where c.tenant_id = count_tenant.tenant_id
  for update;
  select least(h.tree_size - 1, v_after + count_tenant.max_events) into v_through
  from ledger.log_heads as h
  where h.tenant_id = count_tenant.tenant_id;
  if v_through > v_after is not true then
    return 0;
  end if;

  with counts as materialized (
    select p.* from ledger.count_positions(count_tenant.tenant_id, v_after, v_through) as p
  ),
  added as (
    insert into ledger.event_counts as c
    select p.* from counts as p
    on conflict on constraint event_counts_pkey do update
    set
      events = c.events + excluded.events,
      payload_bytes = c.payload_bytes + excluded.payload_bytes
  )
  select coalesce(sum(p.events), 0) into v_counted
  from counts as p
  where p.dimension = 'type' and p.period = 'all';
  update ledger.count_cursors as c
  set
    position = v_through,
    skipped = c.skipped + v_through - v_after - v_counted,
    counted_at = clock_timestamp()
  where c.tenant_id = count_tenant.tenant_id;
  return v_through - v_after;
end
$$;

comment on function ledger.count_tenant(text, bigint) is
  'Part of count_events(): the next events of one tenant; how many positions that were.';
