-- Trigger before INSERT, UPDATE or DELETE, for each statement, on a tracked table that has triggers
-- of its own: what those change in the same table is captured with the statement that fired them.
-- On a table that is not tracked it does nothing.
create or replace function ledger.capture_begin()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into ledger.capture_frames as f (event_prefix)
  select t.event_prefix
  from ledger.tracked_tables as t
  where t.table_id = coalesce(pg_partition_root(tg_relid), tg_relid)
    and t.event_prefix = tg_argv[0]
  on conflict on constraint capture_frames_pkey do update set depth = f.depth + 1;
  return null;
end
$$;

comment on function ledger.capture_begin() is
  'Trigger of tracked tables that have triggers of their own: see ledger.track_table().';
