-- JSON Schema (2020-12) -> jsonpath predicate for "payload @@ predicate", which runs in C. Strict
-- mode: nothing is unwrapped. In strict mode a missing key makes a predicate unknown; each piece
-- below is written so that it yields true or false wherever the value that it looks at exists. NULL
-- when the schema checks nothing. The checks that a keyword makes: compile_keyword().
create or replace function ledger.compile_schema(schema jsonb)
returns jsonpath
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_predicate text;
begin
  perform ledger.check_schema(compile_schema.schema);
  v_predicate := ledger.compile_node(
    ledger.expand_references(compile_schema.schema, compile_schema.schema -> '$defs'), '$'
  );
  return ('strict ' || v_predicate)::jsonpath;
end
$$;

comment on function ledger.compile_schema(jsonb) is
  'A JSON Schema as a jsonpath predicate: payload @@ ledger.compile_schema(schema). NULL = '
  'everything is valid. LG009 when unsupported.';
