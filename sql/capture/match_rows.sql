-- Pairs the rows before and after a statement by tenant and key: a row whose key changed becomes a
-- pair without a row after, and one without a row before. They come in the same order, so mostly
-- they are pairs as they are. One row may change more than once in a statement (foreign keys that
-- cascade twice): its states are matched in their order.
create or replace function ledger.match_rows(
  inout old_rows jsonb[],
  inout new_rows jsonb[],
  key_columns text[],
  needed text[],
  tenant_column text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if not exists (
    select
    from unnest(old_rows, new_rows) as r (o, n)
    where ledger.captured_key(r.o, key_columns, needed)
      is distinct from ledger.captured_key(r.n, key_columns, needed)
      or r.o ->> tenant_column is distinct from r.n ->> tenant_column
  ) then
    return;
  end if;

  with sides as (
    select
      r.is_old, r.row_data, k.tenant_id, k.key,
      row_number() over (partition by r.is_old, k.tenant_id, k.key order by r.ordinality) as n
    from (
      select true as is_old, o.row_data, o.ordinality
      from unnest(old_rows) with ordinality as o (row_data, ordinality)
      union all
      select false, n.row_data, n.ordinality
      from unnest(new_rows) with ordinality as n (row_data, ordinality)
    ) as r
    cross join lateral (
      select
        coalesce(r.row_data ->> tenant_column, '') as tenant_id,
        coalesce(ledger.captured_key(r.row_data, key_columns, needed), '') as key
    ) as k
  )
  select
    array_agg(o.row_data order by o.row_data is null),
    array_agg(n.row_data order by o.row_data is null)
  into old_rows, new_rows
  from (select * from sides as s where s.is_old) as o
  full join (select * from sides as s where not s.is_old) as n using (tenant_id, key, n);
end
$$;

comment on function ledger.match_rows(jsonb[], jsonb[], text[], text[], text) is
  'Part of capture_changes(): pairs the rows before and after an update by their keys.';
