-- Which parts of a value a keyword applies which schema to; step is the way from the value to the
-- part.
create or replace function ledger.schemas_below(keyword text, value jsonb, schema jsonb)
returns table (step text, part jsonb, part_schema jsonb)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  v_below jsonb := schema -> keyword;
  v_predicate jsonpath;
begin
  case
    when keyword = 'allOf' then
      return query select '', value, s from jsonb_array_elements(v_below) as s;
    when keyword = 'if' then
      return query select '', value, schema -> case
        when exists (select from ledger.explain_value(value, v_below, '')) then 'else'
        else 'then'
      end;
    when keyword = 'prefixItems' then
      return query
      select '/' || n - 1, value -> (n - 1)::int, s
      from jsonb_array_elements(v_below) with ordinality as a (s, n)
      where n <= jsonb_array_length(value);
    when keyword = 'items' then  -- of a long list only what is wrong
      v_predicate := ('strict ' || ledger.compile_node(v_below, '$'))::jsonpath;
      return query
      select '/' || n - 1, e, v_below
      from jsonb_array_elements(value) with ordinality as a (e, n)
      where n > jsonb_array_length(coalesce(schema -> 'prefixItems', '[]'))
        and (e @@ v_predicate) is not true;
    when keyword = 'properties' then
      return query
      select ledger.pointer_step(e.key), e.value, v_below -> e.key
      from jsonb_each(value) as e
      where v_below ? e.key;
    when keyword = 'patternProperties' then
      return query
      select ledger.pointer_step(e.key), e.value, p.value
      from jsonb_each(value) as e
      join jsonb_each(v_below) as p on e.key ~ ledger.translate_pattern(p.key);
    when keyword = 'additionalProperties' then
      return query
      select ledger.pointer_step(e.key), e.value, v_below
      from jsonb_each(value) as e
      where not coalesce(schema -> 'properties' ? e.key, false)
        and not exists (
          select
          from jsonb_object_keys(schema -> 'patternProperties') as p
          where e.key ~ ledger.translate_pattern(p)
        );
  end case;
end
$$;

comment on function ledger.schemas_below(text, jsonb, jsonb) is
  'Part of explain_payload(): the parts of a value and the schemas that a keyword applies to them.';
