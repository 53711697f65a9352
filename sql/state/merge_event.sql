-- The reducer of every aggregate type that has no other: the payload is a merge patch of the state.
create or replace function ledger.merge_event(state jsonb, event ledger.events)
returns jsonb
language sql
immutable
parallel safe
return ledger.merge_patch(merge_event.state, (merge_event.event).payload);

comment on function ledger.merge_event(jsonb, ledger.events) is
  'The default reducer: merges the payload into the state as ledger.merge_patch() does.';
