-- Counts sealed events that are not counted yet, max_events of them at most: of one tenant, or of all
-- that have some, in the order of their ids, so that two callers cannot deadlock. Returns how many
-- positions it moved on; call it again, in another transaction, while that is max_events. Each event
-- is counted once, whoever calls and how often. Locks the cursors of the tenants it counts; holds no
-- emitter up.
create or replace function ledger.count_events(
  max_events int default 100000,
  tenant_id text default null
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_left bigint := count_events.max_events;
  v_tenant_id text;
begin
  perform ledger.require_tenant(coalesce(count_events.tenant_id, '*'), 'operate');
  if count_events.max_events > 0 is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'max_events is %s, not a number from 1 on', coalesce(count_events.max_events::text, 'NULL')
      ),
      hint = 'Leave it out: 100000 takes some seconds at most.';
  end if;
  for v_tenant_id in
    select h.tenant_id
    from ledger.log_heads as h
    left join ledger.count_cursors as c on c.tenant_id = h.tenant_id
    where h.tree_size - 1 > coalesce(c.position, -1)
      and (count_events.tenant_id is null or h.tenant_id = count_events.tenant_id)
    order by h.tenant_id
  loop
    v_left := v_left - ledger.count_tenant(v_tenant_id, v_left);
    exit when v_left <= 0;
  end loop;
  return count_events.max_events - v_left;
end
$$;

comment on function ledger.count_events(int, text) is
  'Counts sealed events into ledger.event_counts, max_events of one tenant or (NULL) of all; '
  'returns how many it went through: again while that is max_events. maintain() calls it. For '
  'operators.';
