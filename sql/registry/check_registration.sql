-- Who may register, and whether the arguments make sense.
create or replace function ledger.check_registration(
  event_type text,
  schema jsonb,
  schema_version int,
  catalog text,
  compatibility text
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_problem text;
begin
  perform ledger.require_registrar();
  v_problem := case
    when event_type like 'ledger.%' and not ledger.is_owner()
      then format('event type %s: what begins with ledger. is the ledger''s own', event_type)
    when event_type is null
      or event_type !~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$'
      or length(event_type) > 100
      then format(
        'event type %s is no name: lower-case words joined by dots, such as deal.stage_changed, '
        'at most 100 characters',
        coalesce(quote_literal(left(event_type, 150)), 'NULL')
      )
    when schema is null or jsonb_typeof(schema) <> 'object'
      then format('schema of %s must be a JSON object', event_type)
    when schema ? 'type' and schema -> 'type' <> '"object"'
      then format(
        'schema of %s is for %s, but a payload is always an object: its type must be "object" or '
        'left out',
        event_type, left((schema -> 'type')::text, 150)
      )
    when schema_version < 1
      then format('schema_version must be 1 or more, is %s', schema_version)
    when catalog !~ '^[a-z][a-z0-9_]{0,62}$'
      then format('catalog %s is no name', quote_literal(left(catalog, 150)))
    when compatibility is null or compatibility not in ('backward', 'none')
      then format(
        'compatibility must be backward or none, is %s',
        coalesce(quote_literal(left(compatibility, 150)), 'NULL')
      )
  end;
  if v_problem is not null then
    raise exception using errcode = 'LG009', message = v_problem, hint = 'See docs/event-types.md.';
  end if;
end
$$;

comment on function ledger.check_registration(text, jsonb, int, text, text) is
  'Part of register_event_type(): LG005 unless the caller may register, LG009 when an argument '
  'is malformed.';
