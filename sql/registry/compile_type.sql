-- "type": 1.0 is an integer (2020-12).
create or replace function ledger.compile_type(types jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case count(*) when 1 then min(p) else '(' || string_agg(p, ' || ' order by n) || ')' end
from jsonb_array_elements_text(
  case jsonb_typeof(types) when 'array' then types else jsonb_build_array(types) end
) with ordinality as t (type, n)
cross join lateral (
  select case t.type
    when 'integer' then format('(%1$s.type() == "number" && %1$s.floor() == %1$s)', subject)
    else format('%s.type() == "%s"', subject, t.type)
  end
) as p (p)
$$;

comment on function ledger.compile_type(jsonb, text) is
  'Part of compile_schema(): the keyword "type".';
