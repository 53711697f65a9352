-- verify(): each position has its entry, its event, an event whose hash is right, and that hash as
-- the leaf of the tree. Events that are in cold files are not missed.
create or replace function ledger.verify_entries(
  tenant_id text,
  from_position bigint,
  to_position bigint
)
returns table (kind text, "position" bigint, event_id uuid, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with looked_at as (
    select
      p.position,
      v.leaf,
      l.event_id,
      e.id is not null as is_there,
      e.hash,
      ledger.event_hash(ledger.event_entry(
        e.tenant_id, e.id, e.created_at, e.run_id, e.trace_id, e.correlation_id, e.causation_id,
        e.event_type, e.schema_version, e.payload::text, e.deal_id, e.action_id,
        e.aggregate_type, e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome,
        e.proof, e.metadata, e.occurred_at, e.private_hash
      ), e.prev_hash) as recomputed
    from generate_series(verify_entries.from_position, verify_entries.to_position - 1)
      as p (position)
    left join ledger.log_leaves(
      verify_entries.tenant_id, verify_entries.from_position, verify_entries.to_position
    ) as v on v.position = p.position
    left join ledger.log_entries as l
      on l.tenant_id = verify_entries.tenant_id and l.position = p.position
    left join ledger.events as e
      on e.tenant_id = l.tenant_id and e.created_at = l.created_at and e.id = l.event_id
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
  join ledger.log_entries as l on l.tenant_id = h.tenant_id and l.position >= h.tree_size
  where h.tenant_id = verify_entries.tenant_id
$$;

comment on function ledger.verify_entries(text, bigint, bigint) is
  'Part of verify(): entries, events and leaves of a range of positions.';
