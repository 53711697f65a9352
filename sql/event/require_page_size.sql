create or replace function ledger.require_page_size(page_size int, largest int default 10000)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if require_page_size.page_size between 1 and largest is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'page_size is %s, not 1 to %s', coalesce(require_page_size.page_size::text, 'NULL'), largest
      ),
      hint = 'Read page by page: find_events() goes on after_id, read_stream() from_sequence.';
  end if;
end
$$;

comment on function ledger.require_page_size(int, int) is
  'Raises LG009 unless 1 to the largest.';
