-- The work of seal(), seal_all() and rebase_log(), for tenants whose logs are locked: positions for
-- unsealed_events() in the order (created_at, id), which keeps every stream in order, the tiles
-- that they fill, and a block per tenant.
create or replace function ledger.seal_events(
  tenant_ids text[],
  since pg_snapshot,
  is_careful boolean
)
returns setof ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_new record;
begin
  for v_new in
    with fresh as materialized (
      select
        e.tenant_id,
        e.created_at,
        e.id,
        e.hash,
        h.tree_size - 1
        + row_number() over (partition by e.tenant_id order by e.created_at, e.id) as position
      from ledger.unsealed_events(
        seal_events.tenant_ids, seal_events.since, seal_events.is_careful
      ) as e
      join ledger.log_heads as h on h.tenant_id = e.tenant_id
    ),
    entries as (
      insert into ledger.log_entries (tenant_id, position, created_at, event_id)
      select f.tenant_id, f.position, f.created_at, f.id from fresh as f
    ),
    tiles as materialized (
      select t.tenant_id, t.tile_index, t.added, coalesce(g.hashes, '') || t.hashes as hashes
      from (
        select
          f.tenant_id,
          f.position >> 8 as tile_index,
          min(f.position) as first_position,
          count(*) as added,
          string_agg(f.hash, '' order by f.position) as hashes
        from fresh as f
        group by f.tenant_id, f.position >> 8
      ) as t
      left join ledger.log_edges as g
        on g.tenant_id = t.tenant_id and g.level = 0 and t.first_position & 255 <> 0
    ),
    full_tiles as (
      insert into ledger.log_tiles (tenant_id, level, tile_index, hashes)
      select t.tenant_id, 0, t.tile_index, t.hashes
      from tiles as t
      where octet_length(t.hashes) = 8192
    )
    select
      t.tenant_id,
      sum(t.added)::bigint as added,
      string_agg(ledger.merkle_root(t.hashes), '' order by t.tile_index)
        filter (where octet_length(t.hashes) = 8192) as roots,
      string_agg(t.hashes, '') filter (where octet_length(t.hashes) < 8192) as edge,
      ledger.committed_snapshot() as snapshot
    from tiles as t
    group by t.tenant_id
    order by t.tenant_id
  loop
    perform ledger.grow_tree(v_new.tenant_id, v_new.edge, v_new.roots);
    return next ledger.close_block(v_new.tenant_id, v_new.added, v_new.snapshot);
  end loop;
end
$$;

comment on function ledger.seal_events(text[], pg_snapshot, boolean) is
  'Part of seal(): gives positions to the unsealed events of tenants whose logs are locked.';
