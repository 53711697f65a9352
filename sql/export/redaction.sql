-- What must not leave: which payloads hold a field that any version of their type marks (an older
-- version's events may have it in clear), as SQL over an event e. Only types with marks pay.
create or replace function ledger.redaction(
  redacted boolean,
  out is_marked text,
  out marked_paths text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with marks as (
    select
      m.event_type,
      array_agg(m.pointer order by m.pointer) as pointers,
      string_agg(
        format('e.whole @? %L::jsonpath', ledger.pointer_jsonpath(m.pointer)),
        ' or ' order by m.pointer
      ) as is_marked
    from (
      select s.event_type, p as pointer
      from ledger.event_schemas as s
      cross join unnest(
        s.secret_paths || case when redaction.redacted then s.private_paths end
      ) as p
      group by s.event_type, p
    ) as m
    group by m.event_type
  )

  select
    ledger.choose_by_type(
      array_agg(m.event_type::text order by m.event_type),
      array_agg('(' || m.is_marked || ')' order by m.event_type),
      'false'
    ),
    ledger.choose_by_type(
      array_agg(m.event_type::text order by m.event_type),
      array_agg(format('%L::text[]', m.pointers) order by m.event_type),
      'null::text[]'
    )
  from marks as m
$$;

comment on function ledger.redaction(boolean) is
  'Part of export_events(): SQL that says whether a payload holds marked fields, and which to '
  'mask.';
