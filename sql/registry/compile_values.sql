-- "const" and "enum". Values are grouped by type, because comparing unlike types is unknown. An
-- object or array is equal when a schema that allows just its parts says so.
create or replace function ledger.compile_values(keyword text, schema jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select coalesce('(' || string_agg(g.predicate, ' || ' order by g.type) || ')', '1 == 0')
from (
  select
    jsonb_typeof(v) as type,
    case
      when jsonb_typeof(v) in ('object', 'array')
        then string_agg(
          '(' || ledger.compile_node(ledger.equality_schema(v), subject) || ')', ' || '
        )
      when schema ->> 'type' = jsonb_typeof(v)
        or (schema ->> 'type' = 'integer' and jsonb_typeof(v) = 'number')
        then string_agg(format('%s == %s', subject, v), ' || ')
      else format(
        '(%s.type() == "%s" && (%s))',
        subject,
        jsonb_typeof(v),
        string_agg(format('%s == %s', subject, v), ' || ')
      )
    end as predicate
  from jsonb_array_elements(
    case keyword when 'enum' then schema -> 'enum' else jsonb_build_array(schema -> 'const') end
  ) as e (v)
  where schema ->> 'type' is null
    or jsonb_typeof(schema -> 'type') = 'array'
    or schema ->> 'type' = jsonb_typeof(v)
    or (schema ->> 'type' = 'integer' and jsonb_typeof(v) = 'number')
  group by jsonb_typeof(v)
) as g
$$;

comment on function ledger.compile_values(text, jsonb, text) is
  'Part of compile_schema(): the keywords "const" and "enum".';
