-- Where a new schema might refuse what the old one accepts: a row each, none when it accepts
-- everything. Errs on the safe side. A field that the old schema did not declare counts as absent:
-- otherwise no field could ever be added to an open object.
create or replace function ledger.incompatibilities(old_schema jsonb, new_schema jsonb, base text)
returns table (pointer text, reason text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_old jsonb := case when jsonb_typeof(old_schema) = 'boolean' then '{}' else old_schema end;
  v_keyword record;
begin
  if old_schema = new_schema or old_schema = 'false' or new_schema = 'true' then
    return;
  elsif new_schema = 'false' then
    return query select incompatibilities.base, 'is no longer allowed';
    return;
  end if;
  for v_keyword in
    select k.keyword, new_schema -> k.keyword as new_value, v_old -> k.keyword as old_value
    from ledger.schema_keywords() as k
    where k.rank is not null and new_schema ? k.keyword
  loop
    if v_keyword.keyword in (
      'properties', 'items', 'allOf', 'anyOf', 'additionalProperties', 'required'
    ) then
      return query
      select c.pointer, c.reason
      from ledger.incompatible_parts(
        v_keyword.keyword, v_old, new_schema, incompatibilities.base
      ) as c;
    elsif not ledger.is_wider(v_keyword.keyword, v_old, new_schema) then
      return query select
        incompatibilities.base || '/' || v_keyword.keyword,
        case when v_keyword.old_value is null then 'was added' else 'was narrowed or changed' end;
    end if;
  end loop;
end
$$;

comment on function ledger.incompatibilities(jsonb, jsonb, text) is
  'Where a new schema might refuse what the old one accepts: pointer into the schema and '
  'reason; no row when it is compatible.';
