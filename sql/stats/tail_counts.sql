-- What is sealed and not counted yet, counted on the spot: of one tenant, or of all that the caller
-- may read or operate. Only where that is at most 2,000 events in all; else nothing, and
-- the counts are as old as count_cursors says.
create or replace function ledger.tail_counts(tenant_id text default null)
returns setof ledger.event_counts
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  c_most constant int := 2000;
  v_permitted constant text[] := ledger.permitted_for_any('{read,operate}');
  v_tails record;
begin
  select
    array_agg(h.tenant_id) as tenants,
    array_agg(coalesce(c.position, -1)) as positions,
    array_agg(h.tree_size - 1) as ends,
    coalesce(sum(h.tree_size - 1 - coalesce(c.position, -1)), 0) as events
  into v_tails
  from ledger.log_heads as h
  left join ledger.count_cursors as c on c.tenant_id = h.tenant_id
  where h.tree_size - 1 > coalesce(c.position, -1)
    and (tail_counts.tenant_id is null or h.tenant_id = tail_counts.tenant_id)
    and (h.tenant_id = any(v_permitted) or '*' = any(v_permitted));
  if v_tails.events <= c_most then
    return query
    select p.*
    from unnest(v_tails.tenants, v_tails.positions, v_tails.ends) as t (tenant_id, after, through)
    cross join lateral ledger.count_positions(t.tenant_id, t.after, t.through) as p;
  end if;
end
$$;

comment on function ledger.tail_counts(text) is
  'Part of ledger.counts: sealed events that are not counted yet, where they are 2,000 at most.';
