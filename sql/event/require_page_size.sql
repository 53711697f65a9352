create or replace function ledger.require_page_size(page_size int)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if require_page_size.page_size between 1 and 10000 is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'page_size is %s, not 1 to 10000', coalesce(require_page_size.page_size::text, 'NULL')
      ),
      hint = 'Read page by page: find_events() goes on after_id, read_stream() from_sequence.';
  end if;
end
$$;

comment on function ledger.require_page_size(int) is 'Raises LG009 unless 1 to 10000.';
