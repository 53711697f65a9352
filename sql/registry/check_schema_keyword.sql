-- Refuses a keyword whose value is malformed or not supported; looks into the schemas that it
-- holds.
create or replace function ledger.check_schema_keyword(
  keyword text,
  value_kind text,
  value jsonb,
  pointer text
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pointer text := pointer || ledger.pointer_step(keyword);
  v_key text;
  v_value jsonb;
begin
  case
    when value_kind = 'schema' then
      perform ledger.check_schema(value, v_pointer);
    when value_kind = 'schemas' and jsonb_typeof(value) = 'array' and value <> '[]' then
      for v_key, v_value in
        select ordinality - 1, e from jsonb_array_elements(value) with ordinality as a (e)
      loop
        perform ledger.check_schema(v_value, v_pointer || ledger.pointer_step(v_key));
      end loop;
    when value_kind in ('schema map', 'pattern map') and jsonb_typeof(value) = 'object' then
      for v_key, v_value in select * from jsonb_each(value) loop
        perform ledger.check_schema(v_value, v_pointer || ledger.pointer_step(v_key));
        if value_kind = 'pattern map' then
          perform ledger.check_pattern(v_key, v_pointer || ledger.pointer_step(v_key));
        end if;
      end loop;
    when value_kind = 'names map' and jsonb_typeof(value) = 'object' then
      for v_key, v_value in select * from jsonb_each(value) loop
        perform ledger.check_schema_keyword(v_key, 'names', v_value, v_pointer);
      end loop;
    when value_kind = 'pattern' and jsonb_typeof(value) = 'string' then
      perform ledger.check_pattern(value #>> '{}', v_pointer);
    else
      if not coalesce(ledger.is_schema_value(value_kind, value), false) then
        perform ledger.refuse_schema(
          v_pointer, format('the value of "%s" is malformed or not supported', keyword)
        );
      end if;
  end case;
end
$$;

comment on function ledger.check_schema_keyword(text, text, jsonb, text) is
  'Part of check_schema(): raises LG009 when a keyword''s value is malformed or not supported.';
