-- verify(): events that sealing would have to have seen and did not, and events that were written
-- long after the time they carry. Their transaction ids tell; where those are of another cluster
-- (before a rebase_log()), nothing is said.
create or replace function ledger.verify_unlogged(tenant_id text)
returns table (kind text, "position" bigint, event_id uuid, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with seen as (
    select coalesce(h.snapshot, s.snapshot) as snapshot
    from ledger.log_sweep as s
    left join ledger.log_heads as h on h.tenant_id = verify_unlogged.tenant_id
    where coalesce(h.system_identifier, s.system_identifier) = ledger.system_identifier()
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
    l.position,
    l.event_id,
    format('created_at is %s, but it was written after %s.', e.created_at, before.sealed_at)
  from ledger.log_blocks as b
  join ledger.log_entries as l
    on l.tenant_id = b.tenant_id
    and l.position >= b.first_position
    and l.position < b.tree_size
  join ledger.events as e
    on e.tenant_id = l.tenant_id and e.created_at = l.created_at and e.id = l.event_id
  cross join lateral (
    select p.sealed_at
    from ledger.log_blocks as p
    where p.tenant_id = b.tenant_id
      and p.block_no < b.block_no
      and p.epoch = b.epoch
      and p.next_xact_id <= e.xact_id
    order by p.block_no desc
    limit 1
  ) as before
  where b.tenant_id = verify_unlogged.tenant_id
    and e.created_at < before.sealed_at - interval '1 minute'
$$;

comment on function ledger.verify_unlogged(text) is
  'Part of verify(): events without a position that should have one, and back-dated ones.';
