-- One schema as a predicate over subject, a jsonpath that stands for exactly one value. NULL when
-- it checks nothing.
create or replace function ledger.compile_node(schema jsonb, subject text)
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_predicate text;
begin
  if compile_node.schema = 'false' then
    return '1 == 0';
  end if;
  select string_agg(p.predicate, ' && ' order by k.rank)
  into v_predicate
  from ledger.schema_keywords() as k
  cross join lateral ledger.compile_keyword(
    k.keyword, k.applies_to, compile_node.schema, compile_node.subject
  ) as p (predicate)
  where k.rank is not null
    and jsonb_typeof(compile_node.schema) = 'object'
    and compile_node.schema ? k.keyword;
  if length(v_predicate) > 200000 then
    perform ledger.refuse_schema('', 'the schema makes more than 200,000 characters of jsonpath');
  end if;
  return v_predicate;
end
$$;

comment on function ledger.compile_node(jsonb, text) is
  'Part of compile_schema(): one (sub)schema as a jsonpath predicate over subject.';
