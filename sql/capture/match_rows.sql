-- Pairs the rows before and after a statement by tenant and key. Mostly they are pairs as they are,
-- and each has a change of its own. Else (keys changed, or a row more than once: by foreign keys
-- that cascade twice, or triggers of the table, whose order is lost) what was there both before and
-- after some change cancels out, and what remains of a key is its row before and after all of them.
create or replace function ledger.match_rows(
  inout old_rows jsonb[],
  inout new_rows jsonb[],
  key_columns text[],
  needed text[],
  tenant_column text,
  is_mixed boolean
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  if not is_mixed and not exists (
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
      s.*, s.row_data::text as image,
      row_number() over (partition by s.is_old, s.tenant_id, s.key, s.row_data::text) as n
    from (
      select
        r.*, coalesce(r.row_data ->> tenant_column, '') as tenant_id,
        coalesce(ledger.captured_key(r.row_data, key_columns, needed), '') as key
      from (
        select true as is_old, o.row_data, o.ordinality
        from unnest(old_rows) with ordinality as o (row_data, ordinality)
        union all
        select false, n.row_data, n.ordinality
        from unnest(new_rows) with ordinality as n (row_data, ordinality)
      ) as r
    ) as s
  ),
  remaining as (
    select
      s.*, row_number() over (partition by s.is_old, s.tenant_id, s.key order by s.ordinality) as m
    from sides as s
    where not exists (
      select
      from sides as t
      where (t.is_old, t.tenant_id, t.key, t.image, t.n)
        = (not s.is_old, s.tenant_id, s.key, s.image, s.n)
    )
  )
  select coalesce(array_agg(o.row_data), '{}'), coalesce(array_agg(n.row_data), '{}')
  into old_rows, new_rows
  from (select * from remaining as r where r.is_old) as o
  full join (select * from remaining as r where not r.is_old) as n using (tenant_id, key, m);
end
$$;

comment on function ledger.match_rows(jsonb[], jsonb[], text[], text[], text, boolean) is
  'Part of capture_changes(): pairs the rows before and after a statement by their keys.';
