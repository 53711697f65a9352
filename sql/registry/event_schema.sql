-- The JSON Schema of a type's version; of the current one when no version is given.
create or replace function ledger.event_schema(event_type text, schema_version int default null)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
select s.schema
from ledger.event_types as t
join ledger.event_schemas as s
  on s.event_type = t.event_type
  and s.schema_version = coalesce(event_schema.schema_version, t.current_version)
where t.event_type = event_schema.event_type
$$;

comment on function ledger.event_schema(text, int) is
  'The JSON Schema of an event type''s version (default: the current one); NULL when it is not '
  'registered.';
