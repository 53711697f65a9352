-- Lifts a payload from version to version, as far as upcasters lead: to the current version, or to
-- the last before a link that is missing. There is none without a next version.
create or replace function ledger.upcast_payload(
  event_type text,
  inout schema_version int,
  inout payload jsonb,
  event_id uuid default null
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  v_upcaster text;
begin
  loop
    select u.upcaster into v_upcaster
    from ledger.upcasters as u
    where u.event_type = upcast_payload.event_type
      and u.from_version = upcast_payload.schema_version;
    exit when not found;
    payload := ledger.run_upcaster(
      v_upcaster,
      payload,
      format('%s version %s%s', event_type, schema_version, ', event ' || event_id)
    );
    schema_version := schema_version + 1;
  end loop;
end
$$;

comment on function ledger.upcast_payload(text, int, jsonb, uuid) is
  'A payload, and its version, lifted to the current version of its event type by the upcasters '
  'that are registered; LG017 when one fails. event_id is named then.';
