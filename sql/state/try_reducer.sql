-- Calls a reducer twice on the same made-up event: another result, or an attempt at a table or at
-- writing, shows that it is not pure. That it refuses an event it does not know shows nothing.
create or replace function ledger.try_reducer(reducer text, initial jsonb)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_event ledger.events;
  v_states jsonb[];
  v_detail text;
begin
  v_event.tenant_id := 'default';
  v_event.id := '00000000-0000-7000-8000-000000000000';
  v_event.created_at := 'epoch';
  v_event.event_type := 'test.happened';
  v_event.schema_version := 1;
  v_event.payload := '{}';
  v_event.aggregate_type := 'test';
  v_event.aggregate_id := '1';
  v_event.sequence := 1;
  v_states[1] := ledger.fold_events(reducer, initial, array[v_event]);
  v_states[2] := ledger.fold_events(reducer, initial, array[v_event]);
  if v_states[1] <> v_states[2] then
    perform ledger.refuse_reducer(reducer, 'Two calls with the same arguments gave two results.');
  end if;
exception when sqlstate 'LG015' then
  get stacked diagnostics v_detail := pg_exception_detail;
  -- No privilege; not allowed in a non-volatile function, or a read-only transaction.
  if v_detail ~ '^(42501|0A000|25006):' then
    perform ledger.refuse_reducer(reducer, 'It does more than compute: ' || v_detail);
  end if;
end
$$;

comment on function ledger.try_reducer(text, jsonb) is
  'Part of register_reducer(): LG009 when two calls show that a reducer is not pure.';
