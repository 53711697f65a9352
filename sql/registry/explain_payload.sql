-- Why a payload is refused: a row per failing constraint, none when the payload is valid. The slow
-- path: runs only after a no.
create or replace function ledger.explain_payload(payload jsonb, schema jsonb)
returns table (pointer text, reason text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select e.pointer, e.reason
  from ledger.explain_value(
    payload, ledger.expand_references(explain_payload.schema, explain_payload.schema -> '$defs'), ''
  ) as e;
end
$$;

comment on function ledger.explain_payload(jsonb, jsonb) is
  'What in the payload does not match the schema: JSON pointer and reason, a row each; no row '
  'when it is valid.';
