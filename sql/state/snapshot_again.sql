-- Makes an aggregate's snapshots again with the reducer that it has now, and then deletes those of
-- the reducer before; returns how many events were folded.
create or replace function ledger.snapshot_again(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  max_events int
)
returns int
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_reducer ledger.reducers := ledger.find_reducer(snapshot_again.aggregate_type);
  v_folded int;
begin
  delete from ledger.snapshot_failures as f
  where f.tenant_id = snapshot_again.tenant_id
    and f.aggregate_type = snapshot_again.aggregate_type
    and f.aggregate_id = snapshot_again.aggregate_id
    and f.reducer_fingerprint <> v_reducer.fingerprint;
  v_folded := ledger.snapshot_stream(
    snapshot_again.tenant_id, snapshot_again.aggregate_type, snapshot_again.aggregate_id,
    (
      select s.sequence
      from ledger.streams as s
      where s.tenant_id = snapshot_again.tenant_id
        and s.aggregate_type = snapshot_again.aggregate_type
        and s.aggregate_id = snapshot_again.aggregate_id
    ),
    snapshot_again.max_events
  );
  if v_folded < snapshot_again.max_events then
    delete from ledger.snapshots as s
    where s.tenant_id = snapshot_again.tenant_id
      and s.aggregate_type = snapshot_again.aggregate_type
      and s.aggregate_id = snapshot_again.aggregate_id
      and s.reducer_fingerprint <> v_reducer.fingerprint;
  end if;
  return v_folded;
end
$$;

comment on function ledger.snapshot_again(text, text, text, int) is
  'Part of maintain(): makes an aggregate''s snapshots anew after its reducer changed.';
