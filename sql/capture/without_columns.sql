create or replace function ledger.without_columns(rows_data jsonb[], columns text[])
returns jsonb[]
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select array(
    select r.row_data - without_columns.columns
    from unnest(without_columns.rows_data) with ordinality as r (row_data, ordinality)
    order by r.ordinality
  )
$$;

comment on function ledger.without_columns(jsonb[], text[]) is
  'Part of queue_changes(): the rows without these columns.';
