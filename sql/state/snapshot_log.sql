-- Looks through what was sealed of one tenant since the last time, a part of it, and makes the
-- snapshots that are due. The cursor goes on when all of that part is done. NULL when there is
-- nothing new; else how many events were folded.
create or replace function ledger.snapshot_log(max_events int)
returns int
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_cursor ledger.snapshot_cursors;
  v_through bigint;
  v_folded int := 0;
  v_stream record;
begin
  select h.tenant_id, coalesce(c.position, -1), h.tree_size - 1
  into v_cursor.tenant_id, v_cursor.position, v_through
  from ledger.log_heads as h
  left join ledger.snapshot_cursors as c on c.tenant_id = h.tenant_id
  where h.tree_size - 1 > coalesce(c.position, -1)
  order by h.tenant_id
  limit 1;
  if not found then
    return null;
  end if;
  v_through := least(v_through, v_cursor.position + snapshot_log.max_events);
  for v_stream in
    select * from ledger.log_streams(v_cursor.tenant_id, v_cursor.position, v_through)
  loop
    v_folded := v_folded + ledger.snapshot_stream(
      v_cursor.tenant_id, v_stream.aggregate_type, v_stream.aggregate_id, v_stream.sequence,
      snapshot_log.max_events - v_folded
    );
    if v_folded >= snapshot_log.max_events then
      return v_folded;
    end if;
  end loop;
  insert into ledger.snapshot_cursors (tenant_id, position)
  values (v_cursor.tenant_id, v_through)
  on conflict (tenant_id) do update set position = excluded.position;
  return v_folded;
end
$$;

comment on function ledger.snapshot_log(int) is
  'Part of maintain(): makes the snapshots that newly sealed events of a tenant want; NULL when '
  'there are none.';
