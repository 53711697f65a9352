-- Incompatibilities in what a keyword holds. For a property or item that one side does not mention,
-- what applies there instead is compared.
create or replace function ledger.incompatible_parts(
  keyword text,
  old_schema jsonb,
  new_schema jsonb,
  base text
)
returns table (pointer text, reason text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  v_old jsonb := old_schema -> keyword;
  v_new jsonb := new_schema -> keyword;
  v_below text := base || '/' || keyword;
  v_rest jsonb := coalesce(old_schema -> 'additionalProperties', 'true');
  v_same_patterns boolean :=
    old_schema -> 'patternProperties' is not distinct from new_schema -> 'patternProperties';
  v_same_prefix boolean :=
    old_schema -> 'prefixItems' is not distinct from new_schema -> 'prefixItems';
begin
  case keyword
    when 'required' then
      return query
      select v_below, format('"%s" is newly required', k)
      from jsonb_array_elements_text(v_new) as k
      where not coalesce(v_old ? k, false);
    when 'properties' then
      return query
      select c.pointer, c.reason
      from jsonb_each(v_new) as n
      cross join lateral ledger.incompatibilities(
        case
          when v_old ? n.key then v_old -> n.key
          when v_rest = 'true' and not old_schema ? 'patternProperties' then 'false'
          when old_schema ? 'patternProperties' then 'true'
          else v_rest
        end,
        n.value,
        v_below || ledger.pointer_step(n.key)
      ) as c;
    when 'items' then
      return query
      select c.pointer, c.reason
      from ledger.incompatibilities(
        case when v_same_prefix then coalesce(v_old, 'true') else 'true' end, v_new, v_below
      ) as c;
    when 'additionalProperties' then
      return query
      select c.pointer, c.reason
      from ledger.incompatibilities(
        case when v_same_patterns then v_rest else 'true' end, v_new, v_below
      ) as c
      union all
      select p.pointer, p.reason
      from jsonb_each(coalesce(old_schema -> 'properties', '{}')) as o
      cross join lateral ledger.incompatibilities(
        o.value, v_new, base || '/properties' || ledger.pointer_step(o.key)
      ) as p
      where not coalesce(new_schema -> 'properties' ? o.key, false);
    else
      return query
      select c.pointer, c.reason
      from jsonb_array_elements(
        case when keyword = 'anyOf' then coalesce(v_old, '[true]') else v_new end
      ) with ordinality as e (e, n)
      cross join lateral ledger.incompatibilities(
        coalesce(v_old -> (n - 1)::int, case keyword when 'allOf' then old_schema else 'true' end),
        coalesce(v_new -> (n - 1)::int, 'false'),
        v_below || '/' || n - 1
      ) as c;
  end case;
end
$$;

comment on function ledger.incompatible_parts(text, jsonb, jsonb, text) is
  'Part of incompatibilities(): the keywords that hold other schemas, and "required".';
