-- Why a value does not satisfy a keyword, in words. Never quotes the value: it may be private, and
-- error messages are logged.
create or replace function ledger.explain_keyword(keyword text, value jsonb, schema jsonb)
returns table (step text, reason text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  v_limit text := schema ->> keyword;
begin
  if keyword in ('required', 'dependentRequired') then
    return query
    select
      ledger.pointer_step(k),
      'is required but missing' || coalesce(' when ' || to_json(r.because) || ' is present', '')
    from (
      select null::text as because, schema -> keyword as keys
      where keyword = 'required'
      union all
      select d.key, d.value
      from jsonb_each(
        case keyword when 'dependentRequired' then schema -> keyword else '{}' end
      ) as d
      where explain_keyword.value ? d.key
    ) as r
    cross join jsonb_array_elements_text(r.keys) as k
    where not explain_keyword.value ? k;
    return;
  end if;
  return query select '', case keyword
    when 'type'
      then format('must be %s, is %s', replace(btrim(v_limit, '[]'), '"', ''), jsonb_typeof(value))
    when 'const' then format('must be %s', schema -> 'const')
    when 'enum' then format('must be one of %s', substr(v_limit, 2, length(v_limit) - 2))
    when 'minimum' then format('must be at least %s', v_limit)
    when 'maximum' then format('must be at most %s', v_limit)
    when 'exclusiveMinimum' then format('must be more than %s', v_limit)
    when 'exclusiveMaximum' then format('must be less than %s', v_limit)
    when 'multipleOf' then format('must be a multiple of %s', v_limit)
    when 'minLength'
      then format('must have at least %s characters, has %s', v_limit, length(value #>> '{}'))
    when 'maxLength'
      then format('must have at most %s characters, has %s', v_limit, length(value #>> '{}'))
    when 'pattern' then format('must match %s', v_limit)
    when 'minItems'
      then format('must have at least %s items, has %s', v_limit, jsonb_array_length(value))
    when 'maxItems'
      then format('must have at most %s items, has %s', v_limit, jsonb_array_length(value))
    when 'contains' then 'must have an item that matches "contains"'
    when 'minProperties' then 'must not be empty'
    when 'maxProperties' then 'must be empty'
    when 'propertyNames' then 'has a key that does not match "propertyNames"'
    when 'anyOf' then 'must match at least one alternative of "anyOf"'
    when 'oneOf' then 'must match exactly one alternative of "oneOf"'
    when 'not' then 'must not match "not"'
  end;
end
$$;

comment on function ledger.explain_keyword(text, jsonb, jsonb) is
  'Part of explain_payload(): why a value does not satisfy a keyword, without quoting the value.';
