-- Whether make_snapshots() has something to look at.
create or replace function ledger.has_snapshots_due()
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from ledger.log_heads as h
    left join ledger.snapshot_cursors as c on c.tenant_id = h.tenant_id
    where h.tree_size - 1 > coalesce(c.position, -1)
  )
  or exists (select from ledger.snapshot_backlog(1))
$$;

comment on function ledger.has_snapshots_due() is
  'Part of maintain(): whether aggregates have to be looked at for snapshots.';
