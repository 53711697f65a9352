-- A JSON pointer to marked fields ("*" = every item of an array) as a jsonpath that finds something
-- wherever find_paths() does, and now and then more: the quick look before mask().
create or replace function ledger.pointer_jsonpath(pointer text)
returns text
language sql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
return (
  select '$' || string_agg(
    case when s.step ~ '^(\*|[0-9]+)$' then '.**{1}' else '.' || to_json(s.step) end,
    '' order by s.n
  )
  from unnest(ledger.pointer_path(pointer_jsonpath.pointer)) with ordinality as s (step, n)
);

comment on function ledger.pointer_jsonpath(text) is
  'Part of export_events(): a jsonpath that finds what the JSON pointer leads to.';
