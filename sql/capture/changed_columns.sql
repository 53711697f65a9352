-- {"old": {...}, "new": {...}} with the columns that differ, NULL when none does. Compares images:
-- 1.0 and 1.00 are equal, and yet not what was there before.
create or replace function ledger.changed_columns(
  old_row jsonb,
  new_row jsonb,
  excluded text[],
  masked text[]
)
returns jsonb
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'old', ledger.captured_columns(jsonb_object_agg(c.key, c.value), '{}', masked),
    'new', ledger.captured_columns(jsonb_object_agg(c.key, new_row -> c.key), '{}', masked)
  )
  from jsonb_each(old_row) as c
  where row(c.value)::record *<> row(new_row -> c.key)::record and c.key <> all(excluded)
  having count(*) > 0
$$;

comment on function ledger.changed_columns(jsonb, jsonb, text[], text[]) is
  'Payload of an update of a tracked table: the columns that differ, NULL when none does.';
