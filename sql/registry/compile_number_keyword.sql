-- Keywords about numbers. jsonpath compares and divides numeric exactly: 0.3 is a multiple of 0.1.
create or replace function ledger.compile_number_keyword(keyword text, value jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
return case keyword
  when 'minimum' then format('%s >= %s', subject, value)
  when 'maximum' then format('%s <= %s', subject, value)
  when 'exclusiveMinimum' then format('%s > %s', subject, value)
  when 'exclusiveMaximum' then format('%s < %s', subject, value)
  when 'multipleOf' then format('%s %% %s == 0', subject, value)
end;

comment on function ledger.compile_number_keyword(text, jsonb, text) is
  'Part of compile_schema(): "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", '
  '"multipleOf".';
