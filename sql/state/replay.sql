-- The state of an aggregate after each of its events, from one sequence to another: how it came to
-- be what it is. All of it is computed before the first row comes: ask for parts of a long stream.
create or replace function ledger.replay(
  aggregate_type text,
  aggregate_id text,
  from_sequence bigint default 1,
  to_sequence bigint default null,
  upcast boolean default null,
  tenant_id text default null
)
returns table (
  sequence bigint,
  created_at timestamptz,
  event_id uuid,
  event_type text,
  state jsonb
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  c_page constant int := 500;
  v_tenant_id text := coalesce(replay.tenant_id, ledger.setting('tenant_id'), 'default');
  v_reducer ledger.reducers := ledger.find_reducer(replay.aggregate_type, replay.upcast);
  v_before bigint := greatest(coalesce(replay.from_sequence, 1), 1) - 1;
  v_state ledger.aggregate_state;
  v_events ledger.events[];
begin
  select s.* into v_state
  from ledger.state_of(
    replay.aggregate_type, replay.aggregate_id, null, v_before, replay.upcast, v_tenant_id
  ) as s;
  if v_state.sequence < v_before then
    return;
  elsif v_state.sequence is null then
    v_state.sequence := 0;
    v_state.state := v_reducer.initial;
  end if;
  loop
    v_events := ledger.next_events(
      v_tenant_id, replay.aggregate_type, replay.aggregate_id, v_state.sequence,
      v_state.created_at, replay.to_sequence, null, v_reducer.upcast, c_page
    );
    exit when v_events is null;
    for sequence, created_at, event_id, event_type, state in
      select f.sequence, f.created_at, f.id, f.event_type, f.state
      from rows from (
        unnest(v_events),
        ledger.fold_events(v_reducer.reducer, v_state.state, v_events, true)
      ) as f (
        tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
        schema_version, payload, deal_id, action_id, aggregate_type, aggregate_id, sequence,
        actor_type, actor_id, outcome, proof, metadata, occurred_at, private_hash, prev_hash,
        hash, xact_id, tier, state
      )
    loop
      return next;
    end loop;
    v_state.sequence := sequence;
    v_state.created_at := created_at;
    v_state.state := state;
  end loop;
end
$$;

comment on function ledger.replay(text, text, bigint, bigint, boolean, text) is
  'State of an aggregate after each event, from_sequence to to_sequence (default: all).';
