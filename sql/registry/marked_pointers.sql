-- JSON pointers of the fields that a schema marks (x-private or x-secret), "*" for every item of an
-- array. A mark counts in every branch of a combination. Where the marked fields depend on the
-- payload's keys, a mark is refused.
create or replace function ledger.marked_pointers(schema jsonb, mark text, pointer text default '')
returns setof text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keyword text;
  v_below jsonb;
begin
  if marked_pointers.schema -> mark = 'true' then
    if marked_pointers.pointer = '' then
      perform ledger.refuse_schema('', format('"%s" marks fields, not the whole payload', mark));
    end if;
    return next marked_pointers.pointer;
  end if;
  for v_keyword, v_below in
    select e.key, e.value
    from jsonb_each(
      case jsonb_typeof(marked_pointers.schema)
        when 'object' then marked_pointers.schema
        else '{}'
      end
    ) as e
  loop
    if v_keyword = 'properties' then
      return query
      select p
      from jsonb_each(v_below) as e
      cross join ledger.marked_pointers(e.value, mark, pointer || ledger.pointer_step(e.key)) as p;
    elsif v_keyword = 'items' then
      return query select p from ledger.marked_pointers(v_below, mark, pointer || '/*') as p;
    elsif v_keyword = 'prefixItems' then
      return query
      select p
      from jsonb_array_elements(v_below) with ordinality as a (e, n)
      cross join ledger.marked_pointers(a.e, mark, pointer || '/' || n - 1) as p;
    elsif v_keyword in ('allOf', 'anyOf', 'oneOf') then
      return query
      select p
      from jsonb_array_elements(v_below) as e
      cross join ledger.marked_pointers(e, mark, pointer) as p;
    elsif v_keyword in ('if', 'then', 'else') then
      return query select p from ledger.marked_pointers(v_below, mark, pointer) as p;
    elsif v_keyword in (
      'not', 'contains', 'additionalProperties', 'propertyNames', 'patternProperties'
    ) then
      perform ledger.refuse_schema(
        pointer || ledger.pointer_step(v_keyword),
        format('"%s" cannot be found under this keyword', mark)
      )
      from jsonb_each(
        case v_keyword
          when 'patternProperties' then v_below
          else jsonb_build_object('', v_below)
        end
      ) as e
      cross join ledger.marked_pointers(e.value, mark, '/') as p;
    end if;
  end loop;
end
$$;

comment on function ledger.marked_pointers(jsonb, text, text) is
  'JSON pointers of the fields that a schema marks "x-private" or "x-secret" ("*" = every item '
  'of an array).';
