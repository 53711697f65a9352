-- The cursor that a worker goes on with, locked: of a tenant that it may relay for and nobody works
-- for, where something is to be delivered; the one that was claimed longest ago comes first. What
-- others are just claiming is passed over. NULL when there is nothing to do.
create or replace function ledger.find_cursor(relay text, tenant_ids text[])
returns ledger.relay_cursors
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_head record;
  v_cursor ledger.relay_cursors;
begin
  for v_head in
    select h.tenant_id, h.tree_size
    from ledger.log_heads as h
    left join ledger.relay_cursors as c
      on c.tenant_id = h.tenant_id and c.relay = find_cursor.relay
    where (h.tenant_id = any(find_cursor.tenant_ids) or find_cursor.tenant_ids = '{*}')
      and coalesce(c.leased_until <= clock_timestamp(), true)
      and (
        h.tree_size > coalesce(c.position, -1) + 1
        or h.tenant_id in (
          select p.tenant_id
          from ledger.relay_parked as p
          where p.relay = find_cursor.relay
            and p.published_at is null
            and not p.is_dead
            and p.next_attempt_at <= clock_timestamp()
        )
      )
    order by c.claimed_at nulls first, h.tenant_id
  loop
    v_cursor := ledger.lock_cursor(find_cursor.relay, v_head.tenant_id, wait => false);
    if v_cursor.tenant_id is not null
      and coalesce(v_cursor.leased_until <= clock_timestamp(), true)
      and (
        v_head.tree_size > v_cursor.position + 1
        or ledger.has_due_retries(find_cursor.relay, v_head.tenant_id)
      )
    then
      return v_cursor;
    end if;
  end loop;
  return null;
end
$$;

comment on function ledger.find_cursor(text, text[]) is
  'Part of claim_outbox(): the cursor that a worker goes on with, locked.';
