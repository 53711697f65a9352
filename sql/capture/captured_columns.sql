-- What an event shows of a row, or of a part of it. Inlined by the planner.
create or replace function ledger.captured_columns(row_data jsonb, excluded text[], masked text[])
returns jsonb
language sql
stable
parallel safe
return case
  when masked <> '{}' then ledger.mask_columns(row_data - excluded, masked)
  when excluded <> '{}' then row_data - excluded
  else row_data
end;

comment on function ledger.captured_columns(jsonb, text[], text[]) is
  'A row as its events show it: without excluded columns, masked ones as "***".';
