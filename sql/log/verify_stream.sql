-- verify(): one stream, or all of a tenant's (NULL): sequences without a gap from 1, each event
-- chained to the one before, and the head at the last. Where events of the log are in cold files, as
-- many may be missing. For one stream also each event's own hash and leaf, which a whole
-- verification looks at by position. Heads are found by key and events by hash, whatever statistics
-- say: never each head by reading all events.
create or replace function ledger.verify_stream(
  tenant_id text,
  aggregate_type text,
  aggregate_id text
)
returns table (kind text, "position" bigint, event_id uuid, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_seqscan = off
set jit = off
as $$
  with cold as materialized (
    select ledger.cold_positions(verify_stream.tenant_id) as positions
  ),
  events as materialized (
    select
      e.tenant_id,
      e.id,
      e.aggregate_type,
      e.aggregate_id,
      e.sequence,
      e.prev_hash,
      e.hash,
      lag(e.sequence, 1, 0::bigint) over stream as sequence_before,
      lag(e.hash) over stream as hash_before,
      lag(e.id) over stream as id_before,
      lead(e.id) over stream is null as is_last
    from ledger.events as e
    where e.tenant_id = verify_stream.tenant_id
      and e.aggregate_id is not null
      and (verify_stream.aggregate_type is null or e.aggregate_type = verify_stream.aggregate_type)
      and (verify_stream.aggregate_id is null or e.aggregate_id = verify_stream.aggregate_id)
    window stream as (partition by e.aggregate_type, e.aggregate_id order by e.sequence, e.id)
  ),
  findings as (
    select r.kind, e.id, r.detail
    from events as e
    cross join lateral (values
      (
        'broken stream',
        e.sequence <> e.sequence_before + 1
        and e.sequence - e.sequence_before - 1 not between 1 and ledger.cold_gap(
          e.tenant_id, (select c.positions from cold as c), e.id_before, e.id
        ),
        format(
          '%s/%s: sequence %s follows %s.',
          e.aggregate_type, e.aggregate_id, e.sequence, e.sequence_before
        )
      ),
      (
        'broken stream',
        e.sequence = e.sequence_before + 1 and e.prev_hash is distinct from e.hash_before,
        format(
          '%s/%s: prev_hash is not the hash of the event before.',
          e.aggregate_type, e.aggregate_id
        )
      )
    ) as r (kind, is_broken, detail)
    where r.is_broken
    union all
    select 'broken stream', e.id, format(
      '%s/%s: its head is at sequence %s, its last event at %s.',
      e.aggregate_type, e.aggregate_id, s.sequence, e.sequence
    )
    from events as e
    left join lateral (
      select s.sequence, s.hash
      from ledger.streams as s
      where s.tenant_id = e.tenant_id
        and s.aggregate_type = e.aggregate_type
        and s.aggregate_id = e.aggregate_id
      offset 0
    ) as s on true
    where e.is_last
      and (s.sequence, s.hash) is distinct from (e.sequence, e.hash)
      and coalesce(s.sequence - e.sequence not between 1 and ledger.cold_gap(
        e.tenant_id, (select c.positions from cold as c), e.id, null
      ), true)
    union all
    select v.kind, v.event_id, v.detail
    from events as e
    cross join lateral ledger.find_position(e.tenant_id, e.id) as l (position)
    cross join lateral ledger.verify_entries(e.tenant_id, l.position, l.position + 1) as v
    where verify_stream.aggregate_id is not null and v.kind = 'changed event'
    union all
    select 'broken stream', null, format(
      '%s/%s: its head is at sequence %s, and no event is there.',
      s.aggregate_type, s.aggregate_id, s.sequence
    )
    from ledger.streams as s
    where s.tenant_id = verify_stream.tenant_id
      and (verify_stream.aggregate_type is null or s.aggregate_type = verify_stream.aggregate_type)
      and (verify_stream.aggregate_id is null or s.aggregate_id = verify_stream.aggregate_id)
      and not exists (
        select from events as e
        where e.is_last
          and e.aggregate_type = s.aggregate_type
          and e.aggregate_id = s.aggregate_id
      )
      and s.sequence not between 1 and (
        select ledger.cold_gap(verify_stream.tenant_id, c.positions, null, null) from cold as c
      )
  )
  select f.kind, ledger.find_position(verify_stream.tenant_id, f.id), f.id, f.detail
  from findings as f
$$;

comment on function ledger.verify_stream(text, text, text) is
  'Part of verify(): one stream, or all streams of a tenant.';
