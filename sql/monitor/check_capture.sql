-- doctor(): tracked tables of which changes go unseen, or cannot be made.
create or replace function ledger.check_capture()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    'error',
    'tracking broken',
    s.table_name,
    s.problem,
    format(
      'As the table''s owner: select ledger.track_table(%1$L, …); puts the triggers back, '
      'select ledger.untrack_table(%1$L); ends it.', s.table_name
    )
  from ledger.tracking_status as s
  where s.problem is not null
$$;

comment on function ledger.check_capture() is 'The part of doctor() about tracked tables.';
