-- Raises LG003 with what is wrong. Names at most 20 reasons.
create or replace function ledger.refuse_payload(event_type text, schema_version int, payload jsonb)
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reasons text[];
begin
  select array_agg(
    format('%s: %s', coalesce(nullif(e.pointer, ''), 'payload'), e.reason)
    order by e.pointer, e.reason
  )
  into v_reasons
  from ledger.event_schemas as s
  cross join lateral ledger.explain_payload(refuse_payload.payload, s.schema) as e
  where s.event_type = refuse_payload.event_type
    and s.schema_version = refuse_payload.schema_version;

  raise exception using
    errcode = 'LG003',
    message = format(
      'payload does not match %s version %s',
      refuse_payload.event_type, refuse_payload.schema_version
    ),
    detail = coalesce(array_to_string(v_reasons[:20], '; ') || case
      when cardinality(v_reasons) > 20 then format('; and %s more', cardinality(v_reasons) - 20)
      else ''
    end, 'payload: must be a JSON value, is NULL'),
    hint = format(
      'See the schema: select ledger.event_schema(%L, %s);',
      refuse_payload.event_type, refuse_payload.schema_version
    );
end
$$;

comment on function ledger.refuse_payload(text, int, jsonb) is
  'Raises LG003; the detail gives JSON pointer and reason of everything that does not match the '
  'schema.';
