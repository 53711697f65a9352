-- The last snapshot of a stream by a sequence and a time that is to be believed; one that is forged
-- is passed over, with a warning. NULL when there is none.
create or replace function ledger.find_snapshot(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  reducer_fingerprint bytea,
  at_sequence bigint default null,
  at_time timestamptz default null
)
returns ledger.snapshots
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_sort = off
as $$
declare
  v_through bigint := coalesce(find_snapshot.at_sequence, 9223372036854775807);
  v_snapshot ledger.snapshots;
  v_problem text;
begin
  if find_snapshot.at_time is not null then
    select least(v_through, s.sequence) into v_through
    from ledger.snapshots as s
    where s.tenant_id = find_snapshot.tenant_id
      and s.aggregate_type = find_snapshot.aggregate_type
      and s.aggregate_id = find_snapshot.aggregate_id
      and s.reducer_fingerprint = find_snapshot.reducer_fingerprint
      and s.event_created_at <= find_snapshot.at_time
    order by s.event_created_at desc
    limit 1;
  end if;
  for v_snapshot in
    select s.*
    from ledger.snapshots as s
    where s.tenant_id = find_snapshot.tenant_id
      and s.aggregate_type = find_snapshot.aggregate_type
      and s.aggregate_id = find_snapshot.aggregate_id
      and s.reducer_fingerprint = find_snapshot.reducer_fingerprint
      and s.sequence <= v_through
    order by s.sequence desc
  loop
    continue when v_snapshot.event_created_at > find_snapshot.at_time;
    v_problem := ledger.snapshot_problem(v_snapshot);
    if v_problem is null then
      return v_snapshot;
    end if;
    raise warning using
      message = format(
        'snapshot %s of %s/%s at sequence %s is forged, and ignored', v_snapshot.id,
        v_snapshot.aggregate_type, v_snapshot.aggregate_id, v_snapshot.sequence
      ),
      detail = v_problem,
      hint = 'select * from ledger.verify_snapshots(); and find out who changed it.';
  end loop;
  return null;
end
$$;

comment on function ledger.find_snapshot(text, text, text, bytea, bigint, timestamptz) is
  'Part of state_of(): the last snapshot by a sequence and a time; one that is forged does not '
  'count.';
