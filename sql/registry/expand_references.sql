-- The schema with every "$ref" replaced by what it refers to and without "$defs", so that nothing
-- else needs to know references. Refuses a reference that leads nowhere or into itself.
create or replace function ledger.expand_references(
  schema jsonb,
  definitions jsonb,
  path text[] default '{}'
)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_target jsonb;
  v_schema jsonb;
begin
  if jsonb_typeof(expand_references.schema) <> 'object' then
    return expand_references.schema;
  end if;
  select coalesce(jsonb_object_agg(e.key, case
    when k.value_kind = 'schema' then ledger.expand_references(e.value, definitions, path)
    when k.value_kind = 'schemas' then (
      select jsonb_agg(ledger.expand_references(i, definitions, path) order by n)
      from jsonb_array_elements(e.value) with ordinality as a (i, n)
    )
    when k.value_kind in ('schema map', 'pattern map') then (
      select coalesce(
        jsonb_object_agg(m.key, ledger.expand_references(m.value, definitions, path)), '{}'
      )
      from jsonb_each(e.value) as m
    )
    else e.value
  end), '{}')
  into v_schema
  from jsonb_each(expand_references.schema) as e
  left join ledger.schema_keywords() as k on k.keyword = e.key
  where e.key not in ('$ref', '$defs');

  if expand_references.schema ? '$ref' then
    v_name := replace(
      replace(substr(expand_references.schema ->> '$ref', 9), '~1', '/'), '~0', '~'
    );
    if not coalesce(definitions ? v_name, false) then
      perform ledger.refuse_schema(
        '/$defs' || ledger.pointer_step(v_name), format('"$ref" to "%s" leads nowhere', v_name)
      );
    elsif v_name = any(path) then
      perform ledger.refuse_schema(
        '/$defs' || ledger.pointer_step(v_name), format('"$ref" to "%s" is recursive', v_name)
      );
    end if;
    v_target := ledger.expand_references(definitions -> v_name, definitions, path || v_name);
    if v_schema = '{}' then
      return v_target;
    end if;
    v_schema := v_schema || jsonb_build_object(
      'allOf', jsonb_build_array(v_target) || coalesce(v_schema -> 'allOf', '[]')
    );
  end if;
  if length(v_schema::text) > 100000 then
    perform ledger.refuse_schema(
      '', 'the schema is longer than 100,000 characters, with every "$ref" written out'
    );
  end if;
  return v_schema;
end
$$;

comment on function ledger.expand_references(jsonb, jsonb, text[]) is
  'A schema with every "$ref" replaced by the definition it refers to; LG009 for one that is '
  'recursive or leads nowhere.';
