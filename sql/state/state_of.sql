-- The state of an aggregate now, at a time or at a sequence: the last snapshot by then and the
-- events since, folded by the reducer of its type. Reads with the caller's rights, and in one
-- snapshot of the database.
create or replace function ledger.state_of(
  aggregate_type text,
  aggregate_id text,
  at_time timestamptz default null,
  at_sequence bigint default null,
  upcast boolean default null,
  tenant_id text default null
)
returns setof ledger.aggregate_state
language plpgsql
stable
rows 1
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(state_of.tenant_id, ledger.setting('tenant_id'), 'default');
  v_reducer ledger.reducers := ledger.find_reducer(state_of.aggregate_type, state_of.upcast);
  v_state ledger.aggregate_state;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  v_state := ledger.last_state(
    v_tenant_id, state_of.aggregate_type, state_of.aggregate_id, v_reducer, state_of.at_sequence,
    state_of.at_time
  );
  v_state := ledger.advance_state(
    v_tenant_id, v_state, v_reducer, state_of.at_sequence, state_of.at_time
  );
  if v_state.sequence > 0 then
    return next v_state;
  end if;
end
$$;

comment on function ledger.state_of(text, text, timestamptz, bigint, boolean, text) is
  'State of an aggregate now, or after the last event created by at_time, or at at_sequence; no row '
  'when it had none by then. upcast overrides what the reducer was registered with. LG015 when the '
  'reducer fails, LG016 when events are in cold files.';
