-- Trigger before TRUNCATE on a tracked table: it would take rows away without an event for each.
create or replace function ledger.refuse_truncate()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG009',
    message = format('%I.%I is tracked and cannot be truncated', tg_table_schema, tg_table_name),
    hint = format(
      'delete from %1$I.%2$I; or stop tracking first: '
      'select ledger.untrack_table(''%1$I.%2$I'');',
      tg_table_schema, tg_table_name
    );
end
$$;

comment on function ledger.refuse_truncate() is
  'Trigger of tracked tables, before TRUNCATE: LG009. See ledger.track_table().';
