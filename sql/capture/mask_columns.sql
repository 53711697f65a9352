-- Every one of the columns that the row has as "***", also where it is null: an event shows whether
-- it changed, and nothing else.
create or replace function ledger.mask_columns(row_data jsonb, masked text[])
returns jsonb
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
begin atomic
  select mask_columns.row_data || coalesce(jsonb_object_agg(m.name, '***'::text), '{}')
  from unnest(mask_columns.masked) as m (name)
  where mask_columns.row_data ? m.name;
end;

comment on function ledger.mask_columns(jsonb, text[]) is
  'Part of captured_columns(): the row with "***" in the masked columns that it has.';
