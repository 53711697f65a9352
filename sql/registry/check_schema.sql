-- Refuses (LG009) a schema that says something the validator does not support: nothing is ever
-- ignored.
create or replace function ledger.check_schema(schema jsonb, pointer text default '')
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keyword text;
  v_value jsonb;
  v_kind text;
begin
  if jsonb_typeof(check_schema.schema) = 'boolean' then
    return;
  elsif coalesce(jsonb_typeof(check_schema.schema), 'null') <> 'object' then
    perform ledger.refuse_schema(check_schema.pointer, 'a schema must be an object, true or false');
  end if;
  if regexp_count(check_schema.pointer, '/') > 100 then
    perform ledger.refuse_schema(check_schema.pointer, 'it is nested more than 100 steps deep');
  end if;
  for v_keyword, v_value in select * from jsonb_each(check_schema.schema) loop
    select k.value_kind into v_kind from ledger.schema_keywords() as k where k.keyword = v_keyword;
    if found then
      perform ledger.check_schema_keyword(v_keyword, v_kind, v_value, check_schema.pointer);
    elsif v_keyword not like 'x-%' then
      perform ledger.refuse_schema(
        check_schema.pointer || ledger.pointer_step(v_keyword),
        format('keyword "%s" is not supported', v_keyword)
      );
    end if;
  end loop;
end
$$;

comment on function ledger.check_schema(jsonb, text) is
  'Raises LG009, with the JSON pointer, for a schema with an unsupported keyword or a malformed '
  'value.';
