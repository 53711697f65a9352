-- verify(): each position has its entry, its event, an event whose hash is right, and that hash as
-- the leaf of the tree. Events that are in cold files are not missed. Statistics, old or missing, must
-- not make the planner read a table for every position: where nothing may be sorted, what is wanted
-- in the order of position or created_at comes from the primary keys, the only indexes in that order.
create or replace function ledger.verify_entries(
  tenant_id text,
  from_position bigint,
  to_position bigint
)
returns table (kind text, "position" bigint, event_id uuid, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_sort = off
set jit = off
as $$
  with looked_at as (
    select
      p.position,
      case
        when octet_length(t.hashes) >= (p.position & 255) * 32 + 32
          then substr(t.hashes, (p.position & 255)::int * 32 + 1, 32)
      end as leaf,
      l.event_id,
      e.id is not null as is_there,
      e.hash,
      ledger.event_hash(ledger.event_entry(
        e.tenant_id, e.id, e.created_at, e.run_id, e.trace_id, e.correlation_id, e.causation_id,
        e.event_type, e.schema_version, e.payload::text, e.deal_id, e.action_id,
        e.aggregate_type, e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome,
        e.proof, e.metadata, e.occurred_at, e.private_hash
      ), e.prev_hash) as recomputed
    from generate_series(
      verify_entries.from_position >> 8, (verify_entries.to_position - 1) >> 8
    ) as i (tile_index)
    cross join lateral (
      -- || detoasts a tile once, not for each of its leaves.
      select ''::bytea || coalesce(
        (
          select s.hashes
          from ledger.log_tiles as s
          where s.tenant_id = verify_entries.tenant_id
            and s.level = 0
            and s.tile_index = i.tile_index
        ),
        (
          select g.hashes
          from ledger.log_heads as h
          join ledger.log_edges as g on g.tenant_id = h.tenant_id and g.level = 0
          where h.tenant_id = verify_entries.tenant_id and h.tree_size >> 8 = i.tile_index
        )
      ) as hashes
      offset 0  -- noqa: PRS
    ) as t
    cross join lateral generate_series(
      greatest(verify_entries.from_position, i.tile_index << 8),
      least(verify_entries.to_position, (i.tile_index + 1) << 8) - 1
    ) as p (position)
    left join lateral (
      select l.event_id, l.created_at
      from ledger.log_entries as l
      where l.tenant_id = verify_entries.tenant_id
        and l.position between p.position and p.position
      order by l.position
    ) as l on true
    left join lateral (
      select e.*
      from ledger.events as e
      where e.tenant_id = verify_entries.tenant_id
        and e.created_at between l.created_at and l.created_at
        and e.id = l.event_id
      order by e.created_at
    ) as e on true
  )
  select r.kind, a.position, a.event_id, r.detail
  from looked_at as a
  cross join lateral (values
    ('missing entry', a.event_id is null, 'No event has this position.'),
    (
      'missing event',
      a.event_id is not null
      and not a.is_there
      and not (select ledger.cold_positions(verify_entries.tenant_id)) @> a.position,
      'The event was sealed here and is gone.'
    ),
    (
      'changed event', a.is_there and a.recomputed <> a.hash,
      'hash is not the hash of its fields.'
    ),
    (
      'changed event', a.is_there and a.recomputed = a.hash and a.hash <> a.leaf,
      'Its hash is not the one that was sealed at this position.'
    )
  ) as r (kind, is_broken, detail)
  where r.is_broken
  union all
  select
    'wrong head', l.position, l.event_id, 'The log has an entry beyond the size of its tree.'
  from ledger.log_heads as h
  cross join lateral (
    select l.position, l.event_id
    from ledger.log_entries as l
    where l.tenant_id = h.tenant_id and l.position >= h.tree_size
    order by l.position
  ) as l
  where h.tenant_id = verify_entries.tenant_id
$$;

comment on function ledger.verify_entries(text, bigint, bigint) is
  'Part of verify(): entries, events and leaves of a range of positions.';
