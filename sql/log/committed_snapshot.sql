-- The snapshot of the running statement, the caller's own transaction counted as in progress:
-- pg_current_snapshot() takes it for visible, and what it writes later would never be new.
create or replace function ledger.committed_snapshot()
returns pg_snapshot
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  select case
    when o.xact_id < pg_snapshot_xmax(s.snapshot) then format(
      '%s:%s:%s',
      least(o.xact_id, pg_snapshot_xmin(s.snapshot)),
      pg_snapshot_xmax(s.snapshot),
      (
        select string_agg(x.xact_id::text, ',' order by x.xact_id)
        from (
          select o.xact_id
          union
          select pg_snapshot_xip(s.snapshot)
        ) as x (xact_id)
      )
    )::pg_snapshot
    else s.snapshot
  end
  from (select pg_current_snapshot() as snapshot) as s
  cross join (select pg_current_xact_id_if_assigned() as xact_id) as o;
end;

comment on function ledger.committed_snapshot() is
  'Which transactions are over: pg_current_snapshot() without the caller''s own.';
