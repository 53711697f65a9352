-- verify_snapshots(deep): the snapshots whose state is not what replaying from the first event
-- gives. Aggregates that cannot be replayed are findings of their own.
create or replace function ledger.replayed_snapshots(tenant_id text)
returns table (
  kind text,
  aggregate_type text,
  aggregate_id text,
  sequence bigint,
  snapshot_id uuid,
  detail text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_snapshot record;
  v_reducer ledger.reducers;
  v_state ledger.aggregate_state;
begin
  for v_snapshot in
    select s.aggregate_type, s.aggregate_id, s.sequence, s.id, s.state
    from ledger.snapshots as s
    cross join lateral ledger.find_reducer(s.aggregate_type) as r
    where s.tenant_id = replayed_snapshots.tenant_id and s.reducer_fingerprint = r.fingerprint
    order by s.aggregate_type, s.aggregate_id, s.sequence
  loop
    if (v_snapshot.aggregate_type, v_snapshot.aggregate_id)
      is distinct from (v_state.aggregate_type, v_state.aggregate_id)
    then
      v_reducer := ledger.find_reducer(v_snapshot.aggregate_type);
      v_state := row(
        v_snapshot.aggregate_type, v_snapshot.aggregate_id, 0, null, null, null,
        v_reducer.initial, null, 0
      )::ledger.aggregate_state;
    end if;
    kind := null;
    begin
      v_state := ledger.advance_state(
        replayed_snapshots.tenant_id, v_state, v_reducer, v_snapshot.sequence
      );
      if v_state.sequence <> v_snapshot.sequence or v_state.state <> v_snapshot.state then
        kind := 'wrong state';
        detail := 'Replaying from the first event gives another state.';
      end if;
    exception when others then
      if sqlstate not like 'LG%' then
        raise;
      end if;
      kind := 'cannot be replayed';
      detail := sqlerrm;
    end;
    if kind is not null then
      aggregate_type := v_snapshot.aggregate_type;
      aggregate_id := v_snapshot.aggregate_id;
      sequence := v_snapshot.sequence;
      snapshot_id := v_snapshot.id;
      return next;
    end if;
  end loop;
end
$$;

comment on function ledger.replayed_snapshots(text) is
  'Part of verify_snapshots(): snapshots whose state is not what replaying gives.';
