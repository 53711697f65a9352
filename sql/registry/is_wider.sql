-- Whether a keyword of the new schema accepts at least what the old schema accepts. What cannot be
-- compared must be equal.
create or replace function ledger.is_wider(keyword text, old_schema jsonb, new_schema jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select coalesce(case
  when keyword = 'type' then
    jsonb_path_query_array(old_value, 'lax $[*]') <@ (
      jsonb_path_query_array(new_value, 'lax $[*]')
      || case when new_value @> '"number"' then '["integer"]'::jsonb else '[]' end
    )
  when keyword in ('const', 'enum') then
    old_schema ?| array['const', 'enum']
    and not exists (
      select jsonb_array_elements(
        coalesce(old_schema -> 'enum', jsonb_build_array(old_schema -> 'const'))
      )
      except
      select jsonb_array_elements(
        case keyword when 'enum' then new_value else jsonb_build_array(new_value) end
      )
    )
  when keyword = 'minimum' then
    greatest(old_value::numeric, (old_schema -> 'exclusiveMinimum')::numeric)
    >= new_value::numeric
  when keyword = 'maximum' then
    least(old_value::numeric, (old_schema -> 'exclusiveMaximum')::numeric) <= new_value::numeric
  when keyword = 'exclusiveMinimum' then
    old_value::numeric >= new_value::numeric
    or (old_schema -> 'minimum')::numeric > new_value::numeric
  when keyword = 'exclusiveMaximum' then
    old_value::numeric <= new_value::numeric
    or (old_schema -> 'maximum')::numeric < new_value::numeric
  when keyword in ('minLength', 'minItems', 'minProperties') then
    coalesce(old_value, '0')::numeric >= new_value::numeric
  when keyword in ('maxLength', 'maxItems', 'maxProperties') then
    old_value::numeric <= new_value::numeric
  when keyword = 'if' then
    new_value = old_value
    and new_schema -> 'then' is not distinct from old_schema -> 'then'
    and new_schema -> 'else' is not distinct from old_schema -> 'else'
  else new_value = old_value
end, false)
from (select old_schema -> keyword as old_value, new_schema -> keyword as new_value) as v
$$;

comment on function ledger.is_wider(text, jsonb, jsonb) is
  'Part of incompatibilities(): whether the new schema''s keyword accepts at least what the old '
  'schema does.';
