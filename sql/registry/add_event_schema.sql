-- Adds a version, or finds the one that has this schema already. The caller holds the type's row
-- lock.
create or replace function ledger.add_event_schema(
  event_type text,
  schema jsonb,
  schema_version int,
  compatibility text
)
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_latest ledger.event_schemas;
  v_expanded jsonb;
  v_predicate jsonpath;
begin
  select s.* into v_latest
  from ledger.event_schemas as s
  where s.event_type = add_event_schema.event_type
  order by s.schema_version desc
  limit 1;
  if exists (
    select
    from ledger.event_schemas as s
    where s.event_type = add_event_schema.event_type
      and s.schema_version = coalesce(add_event_schema.schema_version, v_latest.schema_version)
      and s.schema = add_event_schema.schema
  ) then
    return coalesce(add_event_schema.schema_version, v_latest.schema_version);
  end if;

  perform ledger.refuse_version(event_type, schema_version, coalesce(v_latest.schema_version, 0));
  -- A payload is an object, also where the schema does not say so: emit_event() need not look twice.
  v_predicate := ledger.compile_schema(schema || jsonb '{"type": "object"}');
  v_expanded := ledger.expand_references(schema, schema -> '$defs');
  if compatibility = 'backward' and v_latest.schema is not null then
    perform ledger.refuse_incompatible(event_type, v_latest.schema, schema);
  end if;
  insert into ledger.event_schemas (
    event_type,
    schema_version,
    schema,
    compatibility,
    predicate,
    private_paths,
    secret_paths,
    registered_by
  )
  values (
    add_event_schema.event_type,
    coalesce(v_latest.schema_version, 0) + 1,
    add_event_schema.schema,
    add_event_schema.compatibility,
    v_predicate,
    nullif(array(
      select distinct p from ledger.marked_pointers(v_expanded, 'x-private') as p order by p
    ), '{}'),
    nullif(array(
      select distinct p from ledger.marked_pointers(v_expanded, 'x-secret') as p order by p
    ), '{}'),
    ledger.caller()
  );
  return coalesce(v_latest.schema_version, 0) + 1;
end
$$;

comment on function ledger.add_event_schema(text, jsonb, int, text) is
  'Part of register_event_type(): adds the next version, or returns the one that has the very '
  'schema.';
