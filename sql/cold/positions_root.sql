-- RFC 6962 tree hash over the leaves at these positions, in their order, as if they were a tree of
-- their own. The leaves come from the log's tiles: slices of tiles are put together to runs of 256,
-- which are perfect subtrees. LG010 when the log does not have them all.
create or replace function ledger.positions_root(tenant_id text, positions int8multirange)
returns bytea
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found record;
  v_wanted bigint;
begin
  with runs as (
    select
      lower(r) as first_position,
      upper(r) as end_position,
      sum(upper(r) - lower(r)) over (order by lower(r)) - (upper(r) - lower(r)) as first_index
    from unnest(positions_root.positions) as r
  ),
  tiles as materialized (
    select t.tile_index, t.hashes
    from ledger.log_tiles as t
    where t.tenant_id = positions_root.tenant_id
      and t.level = 0
      and t.tile_index between lower(positions_root.positions) >> 8
      and upper(positions_root.positions) >> 8
    union all
    select h.tree_size >> 8, g.hashes
    from ledger.log_heads as h
    join ledger.log_edges as g on g.tenant_id = h.tenant_id and g.level = 0
    where h.tenant_id = positions_root.tenant_id
  ),
  slices as (
    select
      (r.first_index + p.first_position - r.first_position)::bigint as first_index,
      substr(
        t.hashes,
        ((p.first_position & 255) * 32 + 1)::int,
        ((p.end_position - p.first_position) * 32)::int
      ) as hashes
    from runs as r
    cross join lateral
      generate_series(r.first_position >> 8, (r.end_position - 1) >> 8) as i (tile_index)
    cross join lateral (
      select
        greatest(r.first_position, i.tile_index << 8) as first_position,
        least(r.end_position, (i.tile_index + 1) << 8) as end_position
    ) as p
    join tiles as t on t.tile_index = i.tile_index
  ),
  chunks as (
    select c.chunk_no, string_agg(
      substr(
        s.hashes,
        (greatest(c.chunk_no << 8, s.first_index) - s.first_index)::int * 32 + 1,
        (
          least((c.chunk_no + 1) << 8, s.first_index + octet_length(s.hashes) / 32)
          - greatest(c.chunk_no << 8, s.first_index)
        )::int * 32
      ),
      '' order by s.first_index
    ) as hashes
    from slices as s
    cross join lateral generate_series(
      s.first_index >> 8, (s.first_index + octet_length(s.hashes) / 32 - 1) >> 8
    ) as c (chunk_no)
    group by c.chunk_no
  )
  select
    sum(octet_length(c.hashes)) / 32 as leaf_count,
    ledger.merkle_root(string_agg(ledger.merkle_root(c.hashes), '' order by c.chunk_no)) as root
  into v_found
  from chunks as c;

  v_wanted := (
    select coalesce(sum(upper(r) - lower(r)), 0) from unnest(positions_root.positions) as r
  );
  if coalesce(v_found.leaf_count, 0) <> v_wanted then
    raise exception using
      errcode = 'LG010',
      message = format(
        'the log of tenant %s has %s of %s leaves',
        positions_root.tenant_id, coalesce(v_found.leaf_count, 0), v_wanted
      ),
      hint = format('select * from ledger.verify(%L); says what is wrong.', positions_root.tenant_id);
  end if;
  return coalesce(v_found.root, sha256(''));
end
$$;

comment on function ledger.positions_root(text, int8multirange) is
  'RFC 6962 tree hash over the events at these positions of a tenant''s log, from its tiles.';
