-- What a plain event does not need: says what is wrong with an event, makes a new tenant's ambient
-- run, finds an older schema version, masks secrets and takes private data out of the payload. The
-- ledger's own types always come here.
create or replace function ledger.prepare_event(
  event_type text,
  tenant_id text,
  inout schema_version int,
  inout payload jsonb,
  inout proof jsonb,
  inout metadata jsonb,
  inout private jsonb,
  subject_id text,
  out salt bytea,
  out publish boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  v_type record;
  v_private_fields jsonb;
begin
  if event_type like 'ledger.%' then
    perform ledger.require_own_type(event_type, tenant_id);
  end if;
  select * into v_type from ledger.find_event_type(event_type, schema_version, tenant_id);
  if not coalesce(payload @@ v_type.predicate, v_type.predicate is null) then
    perform ledger.refuse_payload(event_type, v_type.schema_version, payload);
  end if;

  schema_version := v_type.schema_version;
  publish := v_type.publish;
  payload := ledger.mask(payload, v_type.secret_paths);
  proof := ledger.mask(proof);
  metadata := ledger.mask(metadata);
  if v_type.private_paths is not null then
    select s.public, s.private into payload, v_private_fields
    from ledger.split_private(payload, v_type.private_paths) as s;
    if v_private_fields <> '{}' then
      private := coalesce(private, '{}') || jsonb_build_object('payload', v_private_fields);
    end if;
  end if;
  if private is null then
    if subject_id is not null then
      raise exception using
        errcode = 'LG009',
        message = 'subject_id is given, but the event has no private data about a subject',
        hint = 'Give private, or mark fields of the type''s schema "x-private".';
    end if;
  else
    salt := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
  end if;
end
$$;

comment on function ledger.prepare_event(text, text, int, jsonb, jsonb, jsonb, jsonb, text) is
  'Part of emit_event(): checks tenant, run, type and payload of an event that is not plain, '
  'masks it and splits private data off.';
