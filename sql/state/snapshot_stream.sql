-- Makes the snapshots of an aggregate that its policy wants, from its last one to a sequence: at
-- every boundary, so that any moment has one shortly before. Stops after the snapshot with which
-- max_events are folded; returns how many were: with fewer it is done. What it fails at is
-- recorded, and not tried again with the same reducer; the snapshots made before that stay.
create or replace function ledger.snapshot_stream(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  through_sequence bigint,
  max_events int
)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_policy ledger.snapshot_policy := ledger.find_policy(aggregate_type);
  v_reducer ledger.reducers := ledger.find_reducer(aggregate_type);
  v_state ledger.aggregate_state;
  v_folded int := 0;
  v_message text;
  v_detail text;
begin
  if ledger.has_failed(tenant_id, aggregate_type, aggregate_id, v_reducer.fingerprint) then
    return 0;
  end if;
  -- Looked at before it is locked: a batch has thousands of aggregates of which few are due, and the
  -- server has room for so many locks only.
  for v_look in 1..2 loop
    v_state := ledger.last_state(
      tenant_id, aggregate_type, aggregate_id, v_reducer, through_sequence
    );
    if not ledger.is_snapshot_due(tenant_id, v_state, v_policy, through_sequence) then
      return 0;
    elsif v_look = 1 then
      perform ledger.lock_snapshots(tenant_id, aggregate_type, aggregate_id);
    end if;
  end loop;
  loop
    begin
      v_state := ledger.next_snapshot(tenant_id, v_state, v_reducer, v_policy, through_sequence);
    exception when others then
      -- What the ledger refuses; all else is not the aggregate's fault.
      if sqlstate not like 'LG%' then
        raise;
      end if;
      get stacked diagnostics v_message := message_text, v_detail := pg_exception_detail;
      perform ledger.record_failure(
        tenant_id, aggregate_type, aggregate_id, v_reducer.fingerprint, sqlstate,
        concat_ws(': ', v_message, v_detail)
      );
      return v_folded;
    end;
    exit when v_state is null;
    v_folded := v_folded + v_state.replayed;
    exit when v_folded >= max_events;
  end loop;
  return v_folded;
end
$$;

comment on function ledger.snapshot_stream(text, text, text, bigint, int) is
  'Part of maintain(): makes the snapshots of an aggregate that are due, up to a sequence and some '
  'max_events; returns how many events it folded.';
