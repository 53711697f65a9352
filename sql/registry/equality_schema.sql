-- A schema that allows an object or array and nothing else.
create or replace function ledger.equality_schema(value jsonb)
returns jsonb
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case jsonb_typeof(value)
  when 'object' then jsonb_build_object(
    'type', 'object',
    'additionalProperties', false,
    'required', (select coalesce(jsonb_agg(k), '[]') from jsonb_object_keys(value) as k),
    'properties', (
      select coalesce(jsonb_object_agg(e.key, jsonb_build_object('const', e.value)), '{}')
      from jsonb_each(value) as e
    )
  )
  when 'array' then jsonb_build_object(
    'type', 'array',
    'minItems', jsonb_array_length(value),
    'maxItems', jsonb_array_length(value),
    'prefixItems', (
      select coalesce(jsonb_agg(jsonb_build_object('const', e) order by n), '[]')
      from jsonb_array_elements(value) with ordinality as a (e, n)
    )
  )
end
$$;

comment on function ledger.equality_schema(jsonb) is
  'Part of compile_schema(): a schema that only the given object or array matches.';
