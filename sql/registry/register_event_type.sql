-- Registers the next version of an event type, after checking that it may follow the current one.
-- Locks the type's row, so that two registrations queue up; emitting goes on. Registering a
-- version's very schema again changes nothing but what describes the type.
create or replace function ledger.register_event_type(
  event_type text,
  schema jsonb,
  schema_version int default null,
  catalog text default null,
  description text default null,
  publish boolean default null,
  compatibility text default 'backward',
  summary text default null
)
returns int
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_version int;
begin
  perform ledger.check_registration(event_type, schema, schema_version, catalog, compatibility);
  perform ledger.check_summary(summary);

  insert into ledger.event_types (event_type, current_version)
  values (register_event_type.event_type, 1)
  on conflict do nothing;
  perform
  from ledger.event_types as t
  where t.event_type = register_event_type.event_type
  for update;

  v_version := ledger.add_event_schema(event_type, schema, schema_version, compatibility);

  update ledger.event_types as t
  set
    current_version = s.schema_version,
    -- The ledger's own types get the closer look.
    predicate = case when t.event_type not like 'ledger.%' then s.predicate end,
    private_paths = s.private_paths,
    secret_paths = s.secret_paths,
    catalog = coalesce(register_event_type.catalog, t.catalog),
    description = coalesce(register_event_type.description, t.description),
    summary = coalesce(register_event_type.summary, t.summary),
    publish = coalesce(register_event_type.publish, t.publish)
  from ledger.event_schemas as s
  where t.event_type = register_event_type.event_type
    and s.event_type = t.event_type
    and s.schema_version = (
      select max(m.schema_version)
      from ledger.event_schemas as m
      where m.event_type = t.event_type
    );
  return v_version;
end
$$;

comment on function ledger.register_event_type(
  text, jsonb, int, text, text, boolean, text, text
) is
  'Registers an event type or its next version, with its JSON Schema, and returns the version. '
  'Idempotent for an identical schema. summary is an event of the type in a sentence, with '
  'placeholders such as {aggregate_id} and {payload.name}.';
