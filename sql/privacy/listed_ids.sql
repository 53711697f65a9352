-- Ids as an event's payload lists them, whose size is limited: NULL when there are too many.
create or replace function ledger.listed_ids(event_ids uuid[])
returns jsonb
language sql
immutable
parallel safe
return case when cardinality(event_ids) <= 10000 then to_jsonb(event_ids) end;

comment on function ledger.listed_ids(uuid[]) is
  'Part of read_private() and erase_private(): up to 10,000 event ids for an event''s payload.';
