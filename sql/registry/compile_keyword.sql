-- One keyword as a predicate, guarded so that it only looks at values of the type that it is about.
create or replace function ledger.compile_keyword(
  keyword text,
  applies_to text,
  schema jsonb,
  subject text
)
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := schema ->> 'type';
  v_predicate text := case
    when keyword = 'type' then ledger.compile_type(schema -> keyword, subject)
    when keyword in ('const', 'enum') then ledger.compile_values(keyword, schema, subject)
    when applies_to is null then ledger.compile_combination(keyword, schema, subject)
    when applies_to = 'number'
      then ledger.compile_number_keyword(keyword, schema -> keyword, subject)
    when applies_to = 'string'
      then ledger.compile_string_keyword(keyword, schema -> keyword, subject)
    when applies_to = 'array' then ledger.compile_array_keyword(keyword, schema, subject)
    when applies_to = 'object' then ledger.compile_object_keyword(keyword, schema, subject)
  end;
begin
  if applies_to is null
    or v_type = applies_to
    or (v_type = 'integer' and applies_to = 'number')
  then
    return v_predicate;
  end if;
  return '(' || subject || '.type() != "' || applies_to || '" || ' || v_predicate || ')';
end
$$;

comment on function ledger.compile_keyword(text, text, jsonb, text) is
  'Part of compile_schema(): one keyword of a schema as a jsonpath predicate over subject; NULL '
  'when it checks nothing.';
