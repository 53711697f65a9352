-- Whether one of the ledger's functions is speaking in this transaction, which has checked for whom.
create or replace function ledger.has_emit_permit()
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_sort = off
as $$
  select (
    select p.number
    from ledger.emit_permits as p
    where p.xact_id = pg_current_xact_id_if_assigned()
    order by p.number desc
    limit 1
  ) is not null
$$;

comment on function ledger.has_emit_permit() is
  'Part of emit_event(): whether one of the ledger''s functions emits, which has checked for whom.';
