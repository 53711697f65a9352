-- Keywords about objects. Looking at every key (.keyvalue()) costs about 0.5 us a key; the other
-- keywords look up named keys only.
create or replace function ledger.compile_object_keyword(keyword text, schema jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case
  when keyword = 'required' then ledger.compile_presence(schema -> keyword, subject)
  when keyword = 'minProperties' and schema -> keyword = '1' then format('exists(%s.*)', subject)
  when keyword = 'maxProperties' then format('!exists(%s.*)', subject)
  when keyword = 'properties' then (
    select string_agg(
      case
        when schema -> 'required' ? e.key then p
        else format('((exists(%s)) is unknown || %s)', path, p)
      end,
      ' && '
    )
    from jsonb_each(schema -> keyword) as e
    cross join lateral (select format('%s.%s', subject, to_json(e.key))) as s (path)
    cross join lateral ledger.compile_node(e.value, path) as p
    where p is not null
  )
  when keyword = 'dependentRequired' then (
    select string_agg(
      format('((exists(%s.%s)) is unknown || %s)', subject, to_json(e.key), p), ' && '
    )
    from jsonb_each(schema -> keyword) as e
    cross join lateral ledger.compile_presence(e.value, subject) as p
    where p is not null
  )
  when keyword = 'patternProperties' then (
    select string_agg(format('!exists(%s.keyvalue() ? (%s && !(%s)))', subject, k, p), ' && ')
    from jsonb_each(schema -> keyword) as e
    cross join lateral ledger.compile_string_keyword('pattern', to_jsonb(e.key), '@.key') as k
    cross join lateral ledger.compile_node(e.value, '@.value') as p
    where p is not null
  )
  when keyword = 'propertyNames' then
    '!exists(' || subject || '.keyvalue() ? (!('
    || ledger.compile_node(schema -> keyword, '@.key') || ')))'
  when keyword = 'additionalProperties' then
    '!exists(' || subject || '.keyvalue() ? (' || concat_ws(
      ' && ',
      (
        select string_agg(format('@.key != %s', to_json(k)), ' && ')
        from jsonb_object_keys(schema -> 'properties') as k
      ),
      (
        select string_agg(
          format('!(%s)', ledger.compile_string_keyword('pattern', to_jsonb(k), '@.key')), ' && '
        )
        from jsonb_object_keys(schema -> 'patternProperties') as k
      ),
      ''
    ) || '!(' || ledger.compile_node(schema -> keyword, '@.value') || ')))'
end
$$;

comment on function ledger.compile_object_keyword(text, jsonb, text) is
  'Part of compile_schema(): the keywords that are about objects.';
