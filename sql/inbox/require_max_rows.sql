create or replace function ledger.require_max_rows(max_rows int)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if require_max_rows.max_rows between 1 and 100000 is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'max_rows is %s, not 1 to 100000', coalesce(require_max_rows.max_rows::text, 'NULL')
      ),
      hint = 'Take so many at a time, and call again while there are as many.';
  end if;
end
$$;

comment on function ledger.require_max_rows(int) is 'Raises LG009 unless 1 to 100000.';
