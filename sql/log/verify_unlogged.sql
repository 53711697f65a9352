-- verify(): events that sealing would have to have seen and did not, and events that were written
-- long after the time they carry. Their transaction ids tell; where those are of another cluster
-- (before a rebase_log()), nothing is said. Events and entries meet by hash; what is looked up comes
-- in the order of a primary key, which is then its only way where nothing may be sorted: so that no
-- statistics make the planner read one table for each row of the other.
create or replace function ledger.verify_unlogged(tenant_id text)
returns table (kind text, "position" bigint, event_id uuid, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_sort = off
set jit = off
as $$
  with seen as (
    select coalesce(h.snapshot, s.snapshot) as snapshot
    from ledger.log_sweep as s
    left join ledger.log_heads as h on h.tenant_id = verify_unlogged.tenant_id
    where coalesce(h.system_identifier, s.system_identifier) = ledger.system_identifier()
  ),
  blocks as (
    select
      b.block_no, b.epoch, b.first_position, b.tree_size,
      min(b.block_no) over (partition by b.epoch) as first_of_epoch,
      max(b.sealed_at) over (
        order by b.block_no rows between unbounded preceding and 1 preceding
      ) as sealed_before
    from ledger.log_blocks as b
    where b.tenant_id = verify_unlogged.tenant_id
  ),
  late as materialized (
    select b.block_no, b.first_of_epoch, b.epoch, l.position, e.id, e.created_at, e.xact_id
    from blocks as b
    cross join lateral (
      select l.position, l.event_id, l.created_at
      from ledger.log_entries as l
      where l.tenant_id = verify_unlogged.tenant_id
        and l.position >= b.first_position
        and l.position < b.tree_size
        and l.created_at < b.sealed_before - interval '1 minute'
      order by l.position
    ) as l
    cross join lateral (
      select e.id, e.created_at, e.xact_id
      from ledger.events as e
      where e.tenant_id = verify_unlogged.tenant_id
        and e.created_at between l.created_at and l.created_at
        and e.id = l.event_id
        and e.xact_id <> '0'  -- came back from a cold file
      order by e.created_at
    ) as e
  ),
  before as materialized (
    select t.block_no, t.xact_id, p.sealed_at
    from (
      select distinct o.block_no, o.first_of_epoch, o.epoch, o.xact_id from late as o
    ) as t
    cross join lateral (
      select p.sealed_at
      from ledger.log_blocks as p
      where p.tenant_id = verify_unlogged.tenant_id
        and p.block_no >= t.first_of_epoch
        and p.block_no < t.block_no
        and p.epoch = t.epoch
        and p.next_xact_id <= t.xact_id
      order by p.block_no desc
      limit 1
    ) as p
  )
  select
    'unlogged event',
    null::bigint,
    e.id,
    'It was there when the log was last sealed, and has no position: it was not emitted.'
  from seen as s
  join ledger.events as e on e.tenant_id = verify_unlogged.tenant_id
  where (
      pg_visible_in_snapshot(e.xact_id, s.snapshot)
      or e.xact_id >= pg_snapshot_xmax(pg_current_snapshot())
    )
    and not exists (
      select from ledger.log_entries as l
      where l.tenant_id = e.tenant_id and l.event_id = e.id
    )
  union all
  select
    'back-dated event',
    o.position,
    o.id,
    format('created_at is %s, but it was written after %s.', o.created_at, b.sealed_at)
  from late as o
  join before as b on b.block_no = o.block_no and b.xact_id = o.xact_id
  where o.created_at < b.sealed_at - interval '1 minute'
$$;

comment on function ledger.verify_unlogged(text) is
  'Part of verify(): events without a position that should have one, and back-dated ones.';
