-- What in a payload, as it is stored, does not match a version of its type. Stored, its private
-- fields are elsewhere and its secret ones masked: whatever is said about those does not count.
create or replace function ledger.stored_mismatches(
  event_type text,
  schema_version int,
  payload jsonb
)
returns table (pointer text, reason text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select e.pointer, e.reason
  from ledger.event_schemas as s
  cross join lateral ledger.explain_payload(
    stored_mismatches.payload, s.schema || jsonb '{"type": "object"}'
  ) as e
  where s.event_type = stored_mismatches.event_type
    and s.schema_version = stored_mismatches.schema_version
    and not exists (
      select
      from unnest(s.private_paths || s.secret_paths) as p (pointer)
      where not exists (
        select
        from unnest(string_to_array(p.pointer, '/')) with ordinality as u (step, n)
        where u.step <> '*'
          and u.step is distinct from (string_to_array(e.pointer, '/'))[u.n]
      )
    )
$$;

comment on function ledger.stored_mismatches(text, int, jsonb) is
  'Part of register_upcaster(): JSON pointer and reason of what in a payload does not match a '
  'version; private and secret fields do not count.';
