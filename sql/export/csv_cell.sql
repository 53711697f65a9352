-- A text that somebody else chose, as a cell of a CSV file: quoted, and with an apostrophe before
-- what a spreadsheet would take for a formula (OWASP, CSV injection). Inlined by the planner.
create or replace function ledger.csv_cell(value text)
returns text
language sql
immutable
parallel safe
return '"' || case
  when value <> '' and strpos(E'=+-@\t\r\n＝＋－＠', left(value, 1)) > 0 then '''' else ''
end || replace(value, '"', '""') || '"';

comment on function ledger.csv_cell(text) is
  'Part of export_lines(): a quoted cell; what begins like a formula gets an apostrophe before it.';
