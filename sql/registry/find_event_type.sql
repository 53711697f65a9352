-- The rules of a type's version (NULL = current). A type that is not registered passes only where
-- the tenant's policy is open.
create or replace function ledger.find_event_type(
  event_type text,
  inout schema_version int,
  tenant_id text,
  out publish boolean,
  out predicate jsonpath,
  out private_paths text[],
  out secret_paths text[]
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_version int := find_event_type.schema_version;
begin
  if find_event_type.event_type is null then
    raise exception using errcode = 'LG009', message = 'event_type is missing';
  end if;
  select s.schema_version, t.publish, s.predicate, s.private_paths, s.secret_paths
  into schema_version, publish, predicate, private_paths, secret_paths
  from ledger.event_types as t
  join ledger.event_schemas as s
    on s.event_type = t.event_type
    and s.schema_version = coalesce(v_version, t.current_version)
  where t.event_type = find_event_type.event_type;
  if found then
    return;
  end if;
  if find_event_type.event_type ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$'
    and length(find_event_type.event_type) <= 100
    and coalesce(v_version, 1) > 0
    and not exists (
      select from ledger.event_types as t where t.event_type = find_event_type.event_type
    )
    and exists (
      select from ledger.tenants as t
      where t.tenant_id = find_event_type.tenant_id and t.unknown_types = 'open'
    )
  then
    schema_version := coalesce(v_version, 1);
    publish := true;
    return;
  end if;
  raise exception using
    errcode = 'LG002',
    message = format(
      'event type %s%s is not registered',
      quote_literal(left(find_event_type.event_type, 150)), ' version ' || v_version
    ),
    hint = 'Register it with ledger.register_event_type(), or accept unregistered types: '
      'select ledger.set_tenant_policy(tenant, ''open'').';
end
$$;

comment on function ledger.find_event_type(text, int, text) is
  'Rules of an event type''s version (NULL = current); LG002 when it is not registered and the '
  'tenant''s policy is not open.';
