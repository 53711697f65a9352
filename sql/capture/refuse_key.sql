create or replace function ledger.refuse_key(aggregate_type text)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG009',
    message = format(
      'a key or tenant column of a tracked table (aggregate type %s) is gone, or null',
      refuse_key.aggregate_type
    ),
    hint = 'Track it again, with the key that it has now: ledger.track_table(). A row without a '
      'tenant needs one before the table is tracked.';
end
$$;

comment on function ledger.refuse_key(text) is
  'Part of capture_changes(): LG009, a row of a tracked table cannot be named any more.';
