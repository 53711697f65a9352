-- Whether drop_cold() or purge_outbox() has recorded, in this transaction, that this table is dropped.
create or replace function ledger_guard.is_permitted_drop(table_id oid)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from ledger.cold_drops as d
    where d.table_id = is_permitted_drop.table_id
      and d.xact_id = pg_current_xact_id_if_assigned()
      and d.dropped_at >= transaction_timestamp()
  ) or exists (
    select
    from ledger.outbox_purges as d
    where d.table_id = is_permitted_drop.table_id
      and d.xact_id = pg_current_xact_id_if_assigned()
      and d.purged_at >= transaction_timestamp()
  )
$$;

comment on function ledger_guard.is_permitted_drop(oid) is
  'Whether the current transaction may drop this partition: ledger.permit_drop() or permit_purge() allowed it.';
