-- The aggregate_id of a row: the value of its one key column, or the JSON array of several, which
-- no other key can be taken for. NULL when one of the columns that it needs (the key's, then the
-- tenant's) is gone, or NULL: a row without a tenant must not go to another's. Inlined by the
-- planner (an expression over twice a few arguments).
create or replace function ledger.captured_key(row_data jsonb, key_columns text[], needed text[])
returns text
language sql
stable
parallel safe
return case
  when not row_data ?& needed or row_data ->> needed[cardinality(needed)] is null then null
  when key_columns[2] is null then row_data ->> key_columns[1]
  when not jsonb_strip_nulls(row_data) ?& needed then null
  else jsonb_build_array(
    variadic trim_array(array[
      row_data -> key_columns[1], row_data -> key_columns[2], row_data -> key_columns[3],
      row_data -> key_columns[4], row_data -> key_columns[5], row_data -> key_columns[6],
      row_data -> key_columns[7], row_data -> key_columns[8]
    ], 8 - cardinality(key_columns))
  )::text
end collate "C";

comment on function ledger.captured_key(jsonb, text[], text[]) is
  'aggregate_id of a row of a tracked table: the value of its key column, or a JSON array of '
  'several, such as [1, 3402].';
