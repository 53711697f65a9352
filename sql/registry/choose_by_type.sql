-- A SQL expression that looks an event's type up among many, by halves: a CASE over a hundred types
-- would compare half of them for every event.
create or replace function ledger.choose_by_type(
  event_types text[],
  expressions text[],
  otherwise text
)
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_half int := cardinality(event_types) / 2;
begin
  return case
    when coalesce(cardinality(event_types), 0) = 0 then otherwise
    when v_half < 4 then (
      select format(
        'case e.event_type %s else %s end',
        string_agg(format('when %L then %s', u.event_type, u.expression), ' ' order by u.n),
        otherwise
      )
      from unnest(event_types, expressions) with ordinality as u (event_type, expression, n)
    )
    else format(
      'case when e.event_type < %L then %s else %s end',
      event_types[v_half + 1],
      ledger.choose_by_type(event_types[:v_half], expressions[:v_half], otherwise),
      ledger.choose_by_type(event_types[v_half + 1:], expressions[v_half + 1:], otherwise)
    )
  end;
end
$$;

comment on function ledger.choose_by_type(text[], text[], text) is
  'Part of export_events(): an expression that chooses by the type of an event e; the types are '
  'sorted bytewise.';
