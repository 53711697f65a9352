-- Is the log whole? One row per finding, none when all is well. What is looked at: everything, or
-- the positions from from_position to to_position - 1, or one stream. Whoever may replace functions
-- may replace this one: the verifier that counts is outside, `agent-events verify`.
create or replace function ledger.verify(
  tenant_id text default null,
  from_position bigint default null,
  to_position bigint default null,
  aggregate_type text default null,
  aggregate_id text default null
)
returns table (kind text, block_no bigint, "position" bigint, event_id uuid, detail text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(verify.tenant_id, ledger.setting('tenant_id'), 'default');
  v_size bigint;
  v_from bigint;
  v_to bigint;
  v_is_whole boolean := verify.from_position is null and verify.to_position is null;
begin
  perform ledger.require_any(v_tenant_id, '{read,audit,operate}');
  if verify.aggregate_id is not null then
    return query
    select f.kind, ledger.block_of(v_tenant_id, f.position), f.position, f.event_id, f.detail
    from ledger.verify_stream(v_tenant_id, verify.aggregate_type, verify.aggregate_id) as f;
    return;
  end if;

  v_size := ledger.require_tree_size(v_tenant_id, null);
  v_from := greatest(verify.from_position, 0);
  v_to := least(verify.to_position, v_size);
  return query
  select f.kind, coalesce(f.block_no, ledger.block_of(v_tenant_id, f.position)), f.position,
    f.event_id, f.detail
  from (
    select e.kind, null::bigint as block_no, e.position, e.event_id, e.detail
    from ledger.verify_entries(v_tenant_id, coalesce(v_from, 0), coalesce(v_to, v_size)) as e
    union all
    select t.kind, null, t.position, null, t.detail
    from ledger.verify_tiles(v_tenant_id, coalesce(v_from, 0), coalesce(v_to, v_size)) as t
    union all
    select b.kind, b.block_no, b.position, null, b.detail
    from ledger.verify_blocks(v_tenant_id, coalesce(v_from, 0), coalesce(v_to, v_size)) as b
    union all
    select s.kind, null, s.position, s.event_id, s.detail
    from ledger.verify_stream(v_tenant_id, null, null) as s
    where v_is_whole
    union all
    select u.kind, null, u.position, u.event_id, u.detail
    from ledger.verify_unlogged(v_tenant_id) as u
    where v_is_whole
  ) as f
  order by f.position nulls last, f.kind;
end
$$;

comment on function ledger.verify(text, bigint, bigint, text, text) is
  'What is wrong with a tenant''s log, no row when it is whole: kind, block_no, position and '
  'event_id of each finding. All of it, the positions from from_position to to_position - 1, or '
  'one stream (aggregate_type, aggregate_id).';
