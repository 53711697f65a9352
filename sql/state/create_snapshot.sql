-- Makes a snapshot of an aggregate as it is now, and before it those that its policy wants; returns
-- its id, or that of the one there is when nothing was emitted since and the reducer is the same.
-- Waits for others that make snapshots of this aggregate, locks nobody else.
create or replace function ledger.create_snapshot(
  aggregate_type text,
  aggregate_id text,
  tenant_id text default null
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(create_snapshot.tenant_id, ledger.setting('tenant_id'), 'default');
  v_type text := create_snapshot.aggregate_type;
  v_id text := create_snapshot.aggregate_id;
  v_started_at timestamptz := clock_timestamp();
  v_reducer ledger.reducers := ledger.find_reducer(create_snapshot.aggregate_type);
  v_head bigint;
  v_state ledger.aggregate_state;
begin
  perform ledger.require_tenant(v_tenant_id, 'operate');
  perform ledger.require_read_committed('making a snapshot');
  perform ledger.lock_snapshots(v_tenant_id, v_type, v_id);
  select s.sequence into v_head
  from ledger.streams as s
  where s.tenant_id = v_tenant_id and s.aggregate_type = v_type and s.aggregate_id = v_id;
  if v_head > 0 is not true then
    raise exception using
      errcode = 'LG009',
      message = format('%s/%s has no event', v_type, v_id),
      hint = 'select * from ledger.streams; a snapshot is made of what was emitted.';
  end if;
  -- maintain() goes on from the last snapshot: what it would have made before this one comes first.
  perform ledger.snapshot_stream(v_tenant_id, v_type, v_id, v_head, 2147483647);
  v_state := ledger.last_state(v_tenant_id, v_type, v_id, v_reducer);
  v_state := ledger.advance_state(v_tenant_id, v_state, v_reducer);
  if v_state.replayed = 0 then
    return v_state.snapshot_id;
  end if;
  return ledger.keep_snapshot(
    v_tenant_id, v_state, v_reducer.fingerprint,
    extract(epoch from clock_timestamp() - v_started_at) * 1000
  );
end
$$;

comment on function ledger.create_snapshot(text, text, text) is
  'Makes a snapshot of an aggregate as it is now and returns its id; the same one again when '
  'nothing changed since. LG015 when the reducer fails, LG016 when events are in cold files. For '
  'operators.';
