-- Tries each keyword of one schema on one value. What holds other schemas is explained by looking
-- into them.
create or replace function ledger.explain_value(value jsonb, schema jsonb, base text)
returns table (pointer text, reason text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_keyword record;
begin
  if explain_value.schema = 'false' then
    return query select explain_value.base, 'is not allowed here';
  end if;
  for v_keyword in
    select k.keyword
    from ledger.schema_keywords() as k
    cross join lateral ledger.compile_keyword(
      k.keyword, k.applies_to, explain_value.schema, '$'
    ) as p (predicate)
    where k.rank is not null
      and jsonb_typeof(explain_value.schema) = 'object'
      and explain_value.schema ? k.keyword
      and p.predicate is not null
      and (explain_value.value @@ ('strict ' || p.predicate)::jsonpath) is not true
    order by k.rank
  loop
    if v_keyword.keyword in (
      'allOf', 'if', 'properties', 'prefixItems', 'items', 'patternProperties',
      'additionalProperties'
    ) then
      return query
      select e.pointer, e.reason
      from ledger.schemas_below(
        v_keyword.keyword, explain_value.value, explain_value.schema
      ) as b
      cross join lateral ledger.explain_value(
        b.part, b.part_schema, explain_value.base || b.step
      ) as e;
    else
      return query
      select explain_value.base || r.step, r.reason
      from ledger.explain_keyword(
        v_keyword.keyword, explain_value.value, explain_value.schema
      ) as r;
    end if;
    exit when v_keyword.keyword = 'type';
  end loop;
end
$$;

comment on function ledger.explain_value(jsonb, jsonb, text) is
  'Part of explain_payload(): one value against one (sub)schema.';
