-- Whether a snapshot is worth writing anew although nothing was sealed.
create or replace function ledger.is_far_behind(snapshot pg_snapshot, now pg_snapshot)
returns boolean
language sql
immutable
parallel safe
return pg_snapshot_xmax(now)::text::bigint - pg_snapshot_xmax(snapshot)::text::bigint > 1000;

comment on function ledger.is_far_behind(pg_snapshot, pg_snapshot) is
  'Part of seal(): whether more than 1,000 transactions lie between two snapshots.';
