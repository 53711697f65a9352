-- Whether a keyword's value is of its kind, for the kinds that hold no schema or pattern.
create or replace function ledger.is_schema_value(value_kind text, value jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case value_kind
  when 'any' then true
  when 'text' then jsonb_typeof(value) = 'string'
  when 'boolean' then jsonb_typeof(value) = 'boolean'
  when 'array' then jsonb_typeof(value) = 'array'
  when 'values' then jsonb_typeof(value) = 'array' and value <> '[]'
  when 'number' then jsonb_typeof(value) = 'number'
  when 'positive number' then value @@ '$.type() == "number" && $ > 0'
  when 'count' then value @@ '$.type() == "number" && $ >= 0 && $.floor() == $ && $ < 2147483647'
  when 'length' then value @@ '$.type() == "number" && $ >= 0 && $.floor() == $ && $ <= 1000'
  when 'zero' then value = '0'
  when 'zero or one' then value in ('0', '1')
  when 'dialect' then rtrim(value #>> '{}', '#') = 'https://json-schema.org/draft/2020-12/schema'
  when 'reference' then value #>> '{}' like '#/$defs/%'
  when 'names' then value @@ 'strict $.type() == "array" && !($[*].type() != "string")'
  when 'types' then
    value <> '[]'
    and (
      jsonb_typeof(value) = 'string'
      or value @@ 'strict $.type() == "array" && !($[*].type() != "string")'
    )
    and value <@ '["string", "number", "integer", "boolean", "object", "array", "null"]'
end
$$;

comment on function ledger.is_schema_value(text, jsonb) is
  'Part of check_schema(): whether the value of a keyword is of the kind that schema_keywords() '
  'asks for.';
