-- The event types of a tracked table. Their schemas say no more than which parts there are: columns
-- come and go.
create or replace function ledger.register_capture_types(event_prefix text, table_name text)
returns void
language sql
set search_path = pg_catalog, pg_temp
begin atomic
  select ledger.register_event_type(
    register_capture_types.event_prefix || '.' || k.kind,
    jsonb_build_object(
      'type', 'object',
      'required', k.parts,
      'properties', (
        select jsonb_object_agg(p, jsonb '{"type": "object"}')
        from jsonb_array_elements_text(k.parts) as p
      )
    ),
    catalog => 'capture',
    description => format('A row of %s was %s.', register_capture_types.table_name, k.kind)
  )
  from (values
    ('created', jsonb '["new"]'),
    ('updated', jsonb '["old", "new"]'),
    ('deleted', jsonb '["old"]')
  ) as k (kind, parts);
end;

comment on function ledger.register_capture_types(text, text) is
  'Part of track_table(): registers <prefix>.created, .updated and .deleted.';
