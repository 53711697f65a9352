-- 0001_foundation, up: written by scripts/freeze from sql/.

-- from sql/install.sql#1
set local check_function_bodies = off;

-- from sql/install.sql#2
set local client_min_messages = warning;

-- from sql/schema/roles.sql
-- Roles are shared by every database of the cluster, so each is made only where it is missing. The
-- installer (a superuser, or any role with CREATEROLE) joins the four owning roles for the length
-- of this transaction's work; grants.sql takes all but ledger_owner back.
do $$
declare
  v_role text;
begin
  foreach v_role in array array[
    'ledger_owner', 'ledger_append', 'ledger_guard', 'ledger_sandbox',
    'ledger_writer', 'ledger_reader', 'ledger_relay', 'ledger_consumer',
    'ledger_operator', 'ledger_privacy', 'ledger_auditor', 'ledger_registrar'
  ] loop
    if to_regrole(v_role) is null then
      begin
        execute format('create role %I nologin', v_role);
      exception when duplicate_object or unique_violation then
        null;  -- another database of the cluster was faster
      end;
    end if;
  end loop;
end
$$;

do $$
declare
  v_role text;
  v_options text := case
    when current_setting('server_version_num')::int >= 160000 then ' with inherit true, set true'
    else ''
  end;
begin
  foreach v_role in array array[
    'ledger_owner', 'ledger_append', 'ledger_guard', 'ledger_sandbox'
  ] loop
    if not (select rolsuper from pg_roles where rolname = current_user) then
      execute format('grant %I to %I%s', v_role, current_user, v_options);
    end if;
  end loop;
exception when insufficient_privilege then
  raise exception using
    errcode = 'insufficient_privilege',
    message = format(
      '%s may not use the ledger''s roles, which another role of this cluster created',
      current_user
    ),
    detail = sqlerrm,
    hint = format(
      'Have their creator or a superuser run: '
      'grant ledger_owner, ledger_append, ledger_guard, ledger_sandbox to %I with admin option;',
      current_user
    );
end
$$;

-- from sql/schema/schemas.sql
-- Two schemas: ledger is what people use; ledger_guard holds what watches over it.
create schema if not exists ledger;
alter schema ledger owner to ledger_owner;
create schema if not exists ledger_guard;
alter schema ledger_guard owner to ledger_guard;

comment on schema ledger is
  'agent-events: a tamper-evident, append-only event ledger. Start with ledger.emit_event() and '
  'the view ledger.events.';
comment on schema ledger_guard is
  'agent-events: the guards of schema ledger. Nothing here is called by hand.';

-- from sql/schema/tenants.sql
-- One row per tenant, made by the first event. Not read on the hot path.
create table ledger.tenants (
  tenant_id text collate "C" primary key check (tenant_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
  unknown_types text not null default 'refuse' check (unknown_types in ('refuse', 'open')),
  created_at timestamptz not null default clock_timestamp()
);

comment on table ledger.tenants is 'One row per tenant that has ever had an event, and its policy.';
comment on column ledger.tenants.unknown_types is
  'What happens to an event type that is not registered: "refuse" (LG002) or "open" (accepted '
  'unchecked). Change it with ledger.set_tenant_policy().';

-- from sql/schema/tenant_grants.sql
-- Which database role may act for which tenant. Every function of the ledger checks it, row-level
-- security repeats it.
create table ledger.tenant_grants (
  tenant_id text collate "C" not null
  check (tenant_id = '*' or tenant_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
  role_name name not null,
  privileges text[] not null check (
    privileges
    <@ array['write', 'read', 'relay', 'consume', 'operate', 'privacy', 'audit', 'register']
  ),
  granted_at timestamptz not null default clock_timestamp(),
  granted_by name not null default session_user,
  primary key (tenant_id, role_name)
);

comment on table ledger.tenant_grants is
  'Database role -> tenants it may act for ("*" = every tenant) and what it may do there. '
  'Change it with ledger.grant_access() and ledger.revoke_access().';

-- from sql/schema/setting.sql
-- A transaction-local setting of the ledger; NULL when it is not set or empty. Inlined by the
-- planner.
create or replace function ledger.setting(name text)
returns text
language sql
stable
parallel safe
return nullif(current_setting('ledger.' || name, true), '');

comment on function ledger.setting(text) is
  'Value of the setting ledger.<name>, NULL when unset. Set it with ledger.set_context().';

-- from sql/schema/set_context.sql
-- Context for the rest of the transaction: triggers and old code then emit with it. NULL leaves a
-- setting as it is.
create or replace function ledger.set_context(
  tenant_id text default null,
  run_id uuid default null,
  trace_id uuid default null,
  correlation_id uuid default null,
  causation_id uuid default null,
  actor_type text default null,
  actor_id text default null
)
returns void
language sql
set search_path = pg_catalog, pg_temp
begin atomic
  select set_config('ledger.' || c.name, c.value, true)
  from (values
    ('context', 'on'),
    ('tenant_id', set_context.tenant_id),
    ('run_id', set_context.run_id::text),
    ('trace_id', set_context.trace_id::text),
    ('correlation_id', set_context.correlation_id::text),
    ('causation_id', set_context.causation_id::text),
    ('actor_type', set_context.actor_type),
    ('actor_id', set_context.actor_id)
  ) as c (name, value)
  where c.value is not null;
end;

comment on function ledger.set_context(text, uuid, uuid, uuid, uuid, text, text) is
  'Sets the transaction''s context (settings ledger.*) that emit_event() falls back on; NULL '
  'leaves a setting as it is, '''' clears a text one.';

-- from sql/schema/caller.sql
-- The role that the session acts as (SET ROLE, else login), also inside SECURITY DEFINER functions,
-- where current_user is their owner. Inlined by the planner.
create or replace function ledger.caller()
returns name
language sql
stable
parallel safe
return coalesce(nullif(current_setting('role'), 'none')::name, session_user);

comment on function ledger.caller() is
  'The role that the session acts as, also inside SECURITY DEFINER functions.';

-- from sql/schema/is_owner.sql
-- Superusers and members of ledger_owner act for every tenant. Inlined by the planner.
create or replace function ledger.is_owner()
returns boolean
language sql
stable
parallel safe
return pg_has_role(ledger.caller(), 'ledger_owner', 'usage');

comment on function ledger.is_owner() is
  'True for superusers and members of ledger_owner: they act for every tenant.';

-- from sql/schema/permitted_tenants.sql
-- The tenants that the caller has a privilege for; {*} stands for every tenant. Row-level security
-- calls it once per query.
create or replace function ledger.permitted_tenants(privilege text)
returns text[]
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select case
    when ledger.is_owner() then array['*']
    else coalesce((
      select case when bool_or(g.tenant_id = '*') then array['*'] else array_agg(g.tenant_id) end
      from ledger.tenant_grants as g
      where case permitted_tenants.privilege
          when 'read' then '{read,audit}'
          else array[permitted_tenants.privilege]
        end && g.privileges
        and (
          g.role_name = ledger.caller()
          or pg_has_role(ledger.caller(), to_regrole(quote_ident(g.role_name))::oid, 'usage')
        )
    ), '{}')
  end;
end;

comment on function ledger.permitted_tenants(text) is
  'Tenants that the caller has the privilege (write, read, ...) for; {*} = every tenant.';

-- from sql/schema/permitted_for_any.sql
-- The tenants that the caller has one of these privileges for; an element * stands for every tenant.
create or replace function ledger.permitted_for_any(privileges text[])
returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  select coalesce(array_agg(distinct t.tenant_id), '{}')
  from unnest(permitted_for_any.privileges) as p (privilege)
  cross join unnest(ledger.permitted_tenants(p.privilege)) as t (tenant_id);
end;

comment on function ledger.permitted_for_any(text[]) is
  'Tenants that the caller has one of the privileges for; * = every tenant.';

-- from sql/schema/acts_for.sql
create or replace function ledger.acts_for(tenant_id text, privilege text)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select ledger.is_owner() or exists (
    select
    from ledger.tenant_grants as g
    where g.tenant_id in (acts_for.tenant_id, '*')
      and case acts_for.privilege
        when 'read' then '{read,audit}'
        else array[acts_for.privilege]
      end && g.privileges
      and (
        g.role_name = ledger.caller()
        or pg_has_role(ledger.caller(), to_regrole(quote_ident(g.role_name))::oid, 'usage')
      )
  );
end;

comment on function ledger.acts_for(text, text) is
  'Whether the caller has the privilege (write, read, relay, consume, operate, privacy, audit, '
  'register) for the tenant; audit includes read.';

-- from sql/schema/require_tenant.sql
-- Raises LG005 unless the caller may act for the tenant.
create or replace function ledger.require_tenant(tenant_id text, privilege text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not ledger.acts_for(require_tenant.tenant_id, require_tenant.privilege) then
    raise exception using
      errcode = 'LG005',
      message = format(
        'role %s may not %s for tenant %s',
        ledger.caller(),
        require_tenant.privilege,
        coalesce(quote_literal(require_tenant.tenant_id), 'NULL')
      ),
      hint = format(
        'An administrator can allow it: select ledger.grant_access(%L, %L, %L);',
        ledger.caller(), require_tenant.tenant_id, array[require_tenant.privilege]
      );
  end if;
end
$$;

comment on function ledger.require_tenant(text, text) is
  'Raises LG005 unless the caller has the privilege for the tenant.';

-- from sql/schema/require_any.sql
-- Raises LG005 unless the caller may act for the tenant in one of these ways.
create or replace function ledger.require_any(tenant_id text, privileges text[])
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_privilege text;
begin
  foreach v_privilege in array require_any.privileges loop
    if ledger.acts_for(require_any.tenant_id, v_privilege) then
      return;
    end if;
  end loop;
  perform ledger.require_tenant(require_any.tenant_id, require_any.privileges[1]);
end
$$;

comment on function ledger.require_any(text, text[]) is
  'Raises LG005 unless the caller has one of the privileges for the tenant.';

-- from sql/schema/require_read_committed.sql
-- Raises 25000 above READ COMMITTED: who waits for a lock and then looks must see what was committed
-- meanwhile.
create or replace function ledger.require_read_committed(action text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = 'invalid_transaction_state',
      message = format(
        '%s needs READ COMMITTED, not %s',
        require_read_committed.action, upper(current_setting('transaction_isolation'))
      ),
      detail = 'An older snapshot would not show what was committed meanwhile.',
      hint = 'begin transaction isolation level read committed;';
  end if;
end
$$;

comment on function ledger.require_read_committed(text) is
  'Raises 25000 when the transaction is REPEATABLE READ or SERIALIZABLE.';

-- from sql/schema/grant_access.sql
-- The one call an administrator needs: membership in the ledger's roles, and the tenant. Runs as
-- the administrator, who must be able to grant those roles. Privileges add up; locks nothing beyond
-- its own row.
create or replace function ledger.grant_access(
  role_name name,
  tenant_id text,
  privileges text[] default '{write,read}'
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_roles constant jsonb := jsonb '{
    "write": "ledger_writer",
    "read": "ledger_reader",
    "relay": "ledger_relay",
    "consume": "ledger_consumer",
    "operate": "ledger_operator",
    "privacy": "ledger_privacy",
    "audit": "ledger_auditor",
    "register": "ledger_registrar"
  }';
  v_privilege text;
begin
  if to_regrole(quote_ident(grant_access.role_name)) is null then
    raise exception using
      errcode = 'LG009',
      message = format('role %s does not exist', grant_access.role_name),
      hint = format('Create it first: create role %I login;', grant_access.role_name);
  end if;
  if grant_access.tenant_id ~ '^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,62})$' is not true then
    raise exception using
      errcode = 'LG009',
      message = format('%L is no tenant id', grant_access.tenant_id),
      hint = 'Use 1 to 63 letters, digits, ".", "_" or "-", beginning with a letter or digit; "*" '
        'means every tenant.';
  end if;
  foreach v_privilege in array coalesce(grant_access.privileges, '{}') loop
    if not v_roles ? coalesce(v_privilege, '') then
      raise exception using
        errcode = 'LG009',
        message = format('%L is no privilege', v_privilege),
        hint = 'Privileges: write, read, relay, consume, operate, privacy, audit, register.';
    end if;
    if not pg_has_role(grant_access.role_name, (v_roles ->> v_privilege)::name, 'usage') then
      execute format('grant %I to %I', v_roles ->> v_privilege, grant_access.role_name);
    end if;
  end loop;
  insert into ledger.tenant_grants as g (tenant_id, role_name, privileges)
  values (grant_access.tenant_id, grant_access.role_name, coalesce(grant_access.privileges, '{}'))
  on conflict on constraint tenant_grants_pkey do update
  set privileges = (
    select array_agg(distinct p order by p) from unnest(g.privileges || excluded.privileges) as p
  );
end
$$;

comment on function ledger.grant_access(name, text, text[]) is
  'Lets a database role act for a tenant ("*" = every tenant): select '
  'ledger.grant_access(''app'', ''acme'', ''{write,read}'').';

-- from sql/schema/revoke_access.sql
-- Takes privileges of a tenant back; the role keeps its membership in the ledger's roles, which
-- alone opens no tenant.
create or replace function ledger.revoke_access(
  role_name name,
  tenant_id text,
  privileges text[] default null
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update ledger.tenant_grants as g
  set privileges = array(
    select p
    from unnest(g.privileges) as p
    where p <> all(coalesce(revoke_access.privileges, g.privileges))
  )
  where g.role_name = revoke_access.role_name and g.tenant_id = revoke_access.tenant_id;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format(
        'role %s has no grant for tenant %L', revoke_access.role_name, revoke_access.tenant_id
      ),
      hint = 'select * from ledger.tenant_grants shows the grants there are.';
  end if;
  delete from ledger.tenant_grants as g
  where g.role_name = revoke_access.role_name
    and g.tenant_id = revoke_access.tenant_id
    and g.privileges = '{}';
end
$$;

comment on function ledger.revoke_access(name, text, text[]) is
  'Takes privileges (NULL = all) for a tenant back from a role; effective at once.';

-- from sql/schema/set_tenant_policy.sql
create or replace function ledger.set_tenant_policy(tenant_id text, unknown_types text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if set_tenant_policy.unknown_types is null
    or set_tenant_policy.unknown_types not in ('refuse', 'open')
  then
    raise exception using
      errcode = 'LG009',
      message = format(
        '%L is no policy for unknown event types', set_tenant_policy.unknown_types
      ),
      hint = 'Use "refuse" or "open".';
  end if;
  perform ledger.ensure_tenant(set_tenant_policy.tenant_id);
  update ledger.tenants as t
  set unknown_types = set_tenant_policy.unknown_types
  where t.tenant_id = set_tenant_policy.tenant_id;
end
$$;

comment on function ledger.set_tenant_policy(text, text) is
  'Whether the tenant''s unregistered event types are refused (LG002, the default) or accepted '
  'unchecked ("open").';

-- from sql/registry/event_types.sql
-- The event types. The rules of the current version stand here a second time, so that emit_event
-- needs one lookup; register_event_type() is the only writer of both. Not compressed below 8 kB,
-- because every emit would unpack the predicate again.
create table ledger.event_types (
  event_type varchar(100) collate "C" primary key
  check (event_type ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$'),
  catalog text not null default 'custom',
  description text,
  summary text,
  publish boolean not null default true,
  current_version int not null check (current_version > 0),
  predicate jsonpath,
  private_paths text[],
  secret_paths text[],
  created_at timestamptz not null default clock_timestamp()
) with (toast_tuple_target = 8160);

comment on table ledger.event_types is
  'Registered event types, with the rules of their current schema version.';
comment on column ledger.event_types.summary is
  'An event of this type in a sentence, with placeholders: ''Deal {aggregate_id} moved to '
  '{payload.new_stage}''. ledger.describe_event() and exports fill it in.';
comment on column ledger.event_types.publish is
  'Whether events of this type also get an outbox row; emit_event(publish => ...) overrides it '
  'per call.';
comment on column ledger.event_types.predicate is
  'The JSON Schema of the current version as a jsonpath predicate (payload @@ predicate). NULL '
  'for the ledger''s own types, which prepare_event() checks.';
comment on column ledger.event_types.private_paths is
  'JSON pointers of the fields marked "x-private" in the current version ("*" = every array '
  'element); NULL when none.';
comment on column ledger.event_types.secret_paths is
  'JSON pointers of the fields marked "x-secret" in the current version ("*" = every array '
  'element); NULL when none.';

-- from sql/registry/event_schemas.sql
-- Every version of every type, with what was compiled from it at registration. Not compressed below
-- 8 kB: the predicate would be copied to event_types as it is here, and every emit unpacks it.
create table ledger.event_schemas (
  event_type varchar(100) collate "C" not null references ledger.event_types,
  schema_version int not null check (schema_version > 0),
  schema jsonb not null,
  compatibility text not null default 'backward' check (compatibility in ('backward', 'none')),
  predicate jsonpath,
  private_paths text[],
  secret_paths text[],
  registered_at timestamptz not null default clock_timestamp(),
  registered_by name not null default session_user,
  primary key (event_type, schema_version)
) with (toast_tuple_target = 8160);

comment on table ledger.event_schemas is
  'JSON Schema (2020-12) of every version of every event type. A version never changes once '
  'registered.';

-- from sql/registry/schema_keywords.sql
-- The JSON Schema keywords that are supported, in the order in which they are checked: cheap ones
-- first. value_kind: what the keyword's value must be. applies_to: the only JSON type the keyword
-- says anything about. rank is NULL for a keyword that checks nothing by itself. No SET clause: the
-- planner inlines it.
create or replace function ledger.schema_keywords()
returns table (rank int, keyword text, value_kind text, applies_to text)
language sql
immutable
parallel safe
rows 50
as $$
values
  (1, 'type', 'types', null),
  (2, 'const', 'any', null),
  (3, 'enum', 'values', null),
  (4, 'required', 'names', 'object'),
  (5, 'minProperties', 'zero or one', 'object'),
  (6, 'maxProperties', 'zero', 'object'),
  (7, 'minItems', 'count', 'array'),
  (8, 'maxItems', 'count', 'array'),
  (9, 'minimum', 'number', 'number'),
  (10, 'maximum', 'number', 'number'),
  (11, 'exclusiveMinimum', 'number', 'number'),
  (12, 'exclusiveMaximum', 'number', 'number'),
  (13, 'multipleOf', 'positive number', 'number'),
  (14, 'minLength', 'length', 'string'),
  (15, 'dependentRequired', 'names map', 'object'),
  (16, 'properties', 'schema map', 'object'),
  (17, 'prefixItems', 'schemas', 'array'),
  (18, 'items', 'schema', 'array'),
  (19, 'contains', 'schema', 'array'),
  (20, 'allOf', 'schemas', null),
  (21, 'anyOf', 'schemas', null),
  (22, 'oneOf', 'schemas', null),
  (23, 'not', 'schema', null),
  (24, 'if', 'schema', null),
  (25, 'pattern', 'pattern', 'string'),
  (26, 'maxLength', 'length', 'string'),
  (27, 'patternProperties', 'pattern map', 'object'),
  (28, 'propertyNames', 'schema', 'object'),
  (29, 'additionalProperties', 'schema', 'object'),
  (null, 'then', 'schema', null),
  (null, 'else', 'schema', null),
  (null, '$ref', 'reference', null),
  (null, '$defs', 'schema map', null),
  (null, '$schema', 'dialect', null),
  (null, '$id', 'text', null),
  (null, '$comment', 'text', null),
  (null, 'title', 'text', null),
  (null, 'description', 'text', null),
  (null, 'default', 'any', null),
  (null, 'examples', 'array', null),
  (null, 'deprecated', 'boolean', null),
  (null, 'readOnly', 'boolean', null),
  (null, 'writeOnly', 'boolean', null),
  (null, 'format', 'text', null),
  (null, 'contentEncoding', 'text', null),
  (null, 'contentMediaType', 'text', null),
  (null, 'x-private', 'boolean', null),
  (null, 'x-secret', 'boolean', null)
$$;

comment on function ledger.schema_keywords() is
  'The JSON Schema keywords that register_event_type() supports; every other keyword, save '
  'x-..., is refused.';

-- from sql/registry/pointer_step.sql
-- One step of a JSON pointer (RFC 6901).
create or replace function ledger.pointer_step(key text)
returns text
language sql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
return '/' || replace(replace(pointer_step.key, '~', '~0'), '/', '~1');

comment on function ledger.pointer_step(text) is
  'A key or index as one step of a JSON pointer: "a/b" -> "/a~1b".';

-- from sql/registry/refuse_schema.sql
-- Raises LG009 for a schema that cannot be registered.
create or replace function ledger.refuse_schema(pointer text, reason text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG009',
    message = format('schema cannot be registered: %s', refuse_schema.reason),
    detail = format('at %s', coalesce(nullif(refuse_schema.pointer, ''), 'the root')),
    hint = 'docs/event-types.md lists what a schema may say.';
end
$$;

comment on function ledger.refuse_schema(text, text) is
  'Raises LG009: the schema cannot be registered, where (JSON pointer) and why.';

-- from sql/registry/is_schema_value.sql
-- Whether a keyword's value is of its kind, for the kinds that hold no schema or pattern.
create or replace function ledger.is_schema_value(value_kind text, value jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case value_kind
  when 'any' then true
  when 'text' then jsonb_typeof(value) = 'string'
  when 'boolean' then jsonb_typeof(value) = 'boolean'
  when 'array' then jsonb_typeof(value) = 'array'
  when 'values' then jsonb_typeof(value) = 'array' and value <> '[]'
  when 'number' then jsonb_typeof(value) = 'number'
  when 'positive number' then value @@ '$.type() == "number" && $ > 0'
  when 'count' then value @@ '$.type() == "number" && $ >= 0 && $.floor() == $ && $ < 2147483647'
  when 'length' then value @@ '$.type() == "number" && $ >= 0 && $.floor() == $ && $ <= 1000'
  when 'zero' then value = '0'
  when 'zero or one' then value in ('0', '1')
  when 'dialect' then rtrim(value #>> '{}', '#') = 'https://json-schema.org/draft/2020-12/schema'
  when 'reference' then value #>> '{}' like '#/$defs/%'
  when 'names' then value @@ 'strict $.type() == "array" && !($[*].type() != "string")'
  when 'types' then
    value <> '[]'
    and (
      jsonb_typeof(value) = 'string'
      or value @@ 'strict $.type() == "array" && !($[*].type() != "string")'
    )
    and value <@ '["string", "number", "integer", "boolean", "object", "array", "null"]'
end
$$;

comment on function ledger.is_schema_value(text, jsonb) is
  'Part of check_schema(): whether the value of a keyword is of the kind that schema_keywords() '
  'asks for.';

-- from sql/registry/equality_schema.sql
-- A schema that allows an object or array and nothing else.
create or replace function ledger.equality_schema(value jsonb)
returns jsonb
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case jsonb_typeof(value)
  when 'object' then jsonb_build_object(
    'type', 'object',
    'additionalProperties', false,
    'required', (select coalesce(jsonb_agg(k), '[]') from jsonb_object_keys(value) as k),
    'properties', (
      select coalesce(jsonb_object_agg(e.key, jsonb_build_object('const', e.value)), '{}')
      from jsonb_each(value) as e
    )
  )
  when 'array' then jsonb_build_object(
    'type', 'array',
    'minItems', jsonb_array_length(value),
    'maxItems', jsonb_array_length(value),
    'prefixItems', (
      select coalesce(jsonb_agg(jsonb_build_object('const', e) order by n), '[]')
      from jsonb_array_elements(value) with ordinality as a (e, n)
    )
  )
end
$$;

comment on function ledger.equality_schema(jsonb) is
  'Part of compile_schema(): a schema that only the given object or array matches.';

-- from sql/registry/check_pattern.sql
-- Refuses a pattern that PostgreSQL would read differently, or not at all.
create or replace function ledger.check_pattern(pattern text, pointer text)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pattern text := ledger.translate_pattern(check_pattern.pattern);
begin
  if v_pattern is null then
    perform ledger.refuse_schema(
      check_pattern.pointer,
      format(
        'pattern %s uses more than characters, [classes], ^ $ . ( ) | and quantifiers',
        to_json(check_pattern.pattern)
      )
    );
  end if;
  begin
    perform '' ~ v_pattern;
  exception
    when invalid_regular_expression then
      perform ledger.refuse_schema(
        check_pattern.pointer,
        format('pattern %s: %s', to_json(check_pattern.pattern), sqlerrm)
      );
  end;
end
$$;

comment on function ledger.check_pattern(text, text) is
  'Part of check_schema(): raises LG009 for a pattern that is not supported.';

-- from sql/registry/translate_pattern.sql
-- A JSON Schema pattern (ECMA-262) as a PostgreSQL regular expression of the same meaning, or NULL
-- when it has none. Understood is what JSON Schema recommends for interoperability: characters,
-- classes, ^ $ . ( ) | and quantifiers. \d, \w and \s are not: what they match differs between
-- regular expression engines.
create or replace function ledger.translate_pattern(pattern text)
returns text
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  c_character constant text := '[^][(){}^$.|?*+\\]|\\[][(){}^$.|?*+\\/-]';
  c_member constant text := '(?:[^][\\^-]|\\[][(){}^$.|?*+\\/-])';
  c_class constant text := format('\[\^?-?(?:%1$s(?:-%1$s)?)+-?\]', c_member);
  c_quantifier constant text := '(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??';
  c_token constant text := format(
    '\((?:\?:)?|\||\^|\$|(?:%s|%s|\.|\))(?:%s)?', c_class, c_character, c_quantifier
  );
  v_tokens text[];
begin
  select coalesce(array_agg(m[1] order by ordinality), '{}')
  into v_tokens
  from regexp_matches(
    translate_pattern.pattern, '(' || c_token || ')', 'g'
  ) with ordinality as t (m);
  if array_to_string(v_tokens, '') <> translate_pattern.pattern then
    return null;
  end if;
  return (
    select coalesce(
      string_agg(
        case when t like '.%' then '[^\n\r\u2028\u2029]' || substr(t, 2) else t end,
        '' order by n
      ),
      ''
    )
    from unnest(v_tokens) with ordinality as u (t, n)
  );
end
$$;

comment on function ledger.translate_pattern(text) is
  'A JSON Schema pattern as a PostgreSQL regular expression with the same meaning; NULL when it '
  'says more than both understand.';

-- from sql/registry/check_schema_keyword.sql
-- Refuses a keyword whose value is malformed or not supported; looks into the schemas that it
-- holds.
create or replace function ledger.check_schema_keyword(
  keyword text,
  value_kind text,
  value jsonb,
  pointer text
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pointer text := pointer || ledger.pointer_step(keyword);
  v_key text;
  v_value jsonb;
begin
  case
    when value_kind = 'schema' then
      perform ledger.check_schema(value, v_pointer);
    when value_kind = 'schemas' and jsonb_typeof(value) = 'array' and value <> '[]' then
      for v_key, v_value in
        select ordinality - 1, e from jsonb_array_elements(value) with ordinality as a (e)
      loop
        perform ledger.check_schema(v_value, v_pointer || ledger.pointer_step(v_key));
      end loop;
    when value_kind in ('schema map', 'pattern map') and jsonb_typeof(value) = 'object' then
      for v_key, v_value in select * from jsonb_each(value) loop
        perform ledger.check_schema(v_value, v_pointer || ledger.pointer_step(v_key));
        if value_kind = 'pattern map' then
          perform ledger.check_pattern(v_key, v_pointer || ledger.pointer_step(v_key));
        end if;
      end loop;
    when value_kind = 'names map' and jsonb_typeof(value) = 'object' then
      for v_key, v_value in select * from jsonb_each(value) loop
        perform ledger.check_schema_keyword(v_key, 'names', v_value, v_pointer);
      end loop;
    when value_kind = 'pattern' and jsonb_typeof(value) = 'string' then
      perform ledger.check_pattern(value #>> '{}', v_pointer);
    else
      if not coalesce(ledger.is_schema_value(value_kind, value), false) then
        perform ledger.refuse_schema(
          v_pointer, format('the value of "%s" is malformed or not supported', keyword)
        );
      end if;
  end case;
end
$$;

comment on function ledger.check_schema_keyword(text, text, jsonb, text) is
  'Part of check_schema(): raises LG009 when a keyword''s value is malformed or not supported.';

-- from sql/registry/check_schema.sql
-- Refuses (LG009) a schema that says something the validator does not support: nothing is ever
-- ignored.
create or replace function ledger.check_schema(schema jsonb, pointer text default '')
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keyword text;
  v_value jsonb;
  v_kind text;
begin
  if jsonb_typeof(check_schema.schema) = 'boolean' then
    return;
  elsif coalesce(jsonb_typeof(check_schema.schema), 'null') <> 'object' then
    perform ledger.refuse_schema(check_schema.pointer, 'a schema must be an object, true or false');
  end if;
  if regexp_count(check_schema.pointer, '/') > 100 then
    perform ledger.refuse_schema(check_schema.pointer, 'it is nested more than 100 steps deep');
  end if;
  for v_keyword, v_value in select * from jsonb_each(check_schema.schema) loop
    select k.value_kind into v_kind from ledger.schema_keywords() as k where k.keyword = v_keyword;
    if found then
      perform ledger.check_schema_keyword(v_keyword, v_kind, v_value, check_schema.pointer);
    elsif v_keyword not like 'x-%' then
      perform ledger.refuse_schema(
        check_schema.pointer || ledger.pointer_step(v_keyword),
        format('keyword "%s" is not supported', v_keyword)
      );
    end if;
  end loop;
end
$$;

comment on function ledger.check_schema(jsonb, text) is
  'Raises LG009, with the JSON pointer, for a schema with an unsupported keyword or a malformed '
  'value.';

-- from sql/registry/expand_references.sql
-- The schema with every "$ref" replaced by what it refers to and without "$defs", so that nothing
-- else needs to know references. Refuses a reference that leads nowhere or into itself.
create or replace function ledger.expand_references(
  schema jsonb,
  definitions jsonb,
  path text[] default '{}'
)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
  v_target jsonb;
  v_schema jsonb;
begin
  if jsonb_typeof(expand_references.schema) <> 'object' then
    return expand_references.schema;
  end if;
  select coalesce(jsonb_object_agg(e.key, case
    when k.value_kind = 'schema' then ledger.expand_references(e.value, definitions, path)
    when k.value_kind = 'schemas' then (
      select jsonb_agg(ledger.expand_references(i, definitions, path) order by n)
      from jsonb_array_elements(e.value) with ordinality as a (i, n)
    )
    when k.value_kind in ('schema map', 'pattern map') then (
      select coalesce(
        jsonb_object_agg(m.key, ledger.expand_references(m.value, definitions, path)), '{}'
      )
      from jsonb_each(e.value) as m
    )
    else e.value
  end), '{}')
  into v_schema
  from jsonb_each(expand_references.schema) as e
  left join ledger.schema_keywords() as k on k.keyword = e.key
  where e.key not in ('$ref', '$defs');

  if expand_references.schema ? '$ref' then
    v_name := replace(
      replace(substr(expand_references.schema ->> '$ref', 9), '~1', '/'), '~0', '~'
    );
    if not coalesce(definitions ? v_name, false) then
      perform ledger.refuse_schema(
        '/$defs' || ledger.pointer_step(v_name), format('"$ref" to "%s" leads nowhere', v_name)
      );
    elsif v_name = any(path) then
      perform ledger.refuse_schema(
        '/$defs' || ledger.pointer_step(v_name), format('"$ref" to "%s" is recursive', v_name)
      );
    end if;
    v_target := ledger.expand_references(definitions -> v_name, definitions, path || v_name);
    if v_schema = '{}' then
      return v_target;
    end if;
    v_schema := v_schema || jsonb_build_object(
      'allOf', jsonb_build_array(v_target) || coalesce(v_schema -> 'allOf', '[]')
    );
  end if;
  if length(v_schema::text) > 100000 then
    perform ledger.refuse_schema(
      '', 'the schema is longer than 100,000 characters, with every "$ref" written out'
    );
  end if;
  return v_schema;
end
$$;

comment on function ledger.expand_references(jsonb, jsonb, text[]) is
  'A schema with every "$ref" replaced by the definition it refers to; LG009 for one that is '
  'recursive or leads nowhere.';

-- from sql/registry/add_event_schema.sql
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

-- from sql/registry/check_registration.sql
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
  if not (ledger.is_owner() or pg_has_role(ledger.caller(), 'ledger_registrar', 'usage')) then
    raise exception using
      errcode = 'LG005',
      message = format('role %s may not register event types', ledger.caller()),
      hint = format(
        'An administrator can allow it: grant ledger_registrar to %I;', ledger.caller()
      );
  end if;
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

-- from sql/registry/compile_array_keyword.sql
-- Keywords about arrays.
create or replace function ledger.compile_array_keyword(keyword text, schema jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case keyword
  when 'minItems' then subject || '.size() >= ' || nullif(schema -> keyword, '0')::text
  when 'maxItems' then format('%s.size() <= %s', subject, schema -> keyword)
  when 'prefixItems' then (
    select string_agg(format('(%1$s.size() <= %2$s || %3$s)', subject, n - 1, p), ' && ' order by n)
    from jsonb_array_elements(schema -> keyword) with ordinality as a (e, n)
    cross join lateral ledger.compile_node(e, format('%s[%s]', subject, n - 1)) as p
    where p is not null
  )
  when 'items' then (
    select case jsonb_array_length(coalesce(schema -> 'prefixItems', '[]'))
      when 0 then format('!exists(%s[*] ? (!(%s)))', subject, p)
      else format(
        '(%1$s.size() <= %2$s || !exists(%1$s[%2$s to last] ? (!(%3$s))))',
        subject, jsonb_array_length(schema -> 'prefixItems'), p
      )
    end
    from ledger.compile_node(schema -> keyword, '@') as p
    where p is not null
  )
  when 'contains' then format(
    'exists(%s[*] ? (%s))',
    subject,
    coalesce(ledger.compile_node(schema -> keyword, '@'), '1 == 1')
  )
end
$$;

comment on function ledger.compile_array_keyword(text, jsonb, text) is
  'Part of compile_schema(): the keywords "minItems", "maxItems", "prefixItems", "items" and '
  '"contains".';

-- from sql/registry/compile_combination.sql
-- "allOf", "anyOf", "oneOf", "not" and "if". A branch that checks nothing is always true.
create or replace function ledger.compile_combination(keyword text, schema jsonb, subject text)
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_true constant text := '(1 == 1)';
  v_branches text[];
begin
  if keyword in ('if', 'not') then
    v_branches := array[ledger.compile_node(schema -> keyword, subject)];
  else
    select array_agg('(' || ledger.compile_node(e, subject) || ')' order by n)
    into v_branches
    from jsonb_array_elements(schema -> keyword) with ordinality as a (e, n);
  end if;
  v_branches := array_replace(v_branches, null, v_true);

  return case keyword
    when 'allOf' then (
      select string_agg(b, ' && ' order by n)
      from unnest(v_branches) with ordinality as u (b, n)
      where b <> v_true
    )
    when 'anyOf' then '(' || array_to_string(v_branches, ' || ') || ')'
    when 'not' then format('!(%s)', v_branches[1])
    when 'oneOf' then '(' || (
      select string_agg(format('(%s)', (
        select string_agg(
          case when other.n = one.n then other.b else '!' || other.b end,
          ' && ' order by other.n <> one.n, other.n
        )
        from unnest(v_branches) with ordinality as other (b, n)
      )), ' || ' order by one.n)
      from unnest(v_branches) with ordinality as one (b, n)
    ) || ')'
    when 'if' then nullif(array_to_string(array[
      '(!(' || v_branches[1] || ') || (' || ledger.compile_node(schema -> 'then', subject) || '))',
      '((' || v_branches[1] || ') || (' || ledger.compile_node(schema -> 'else', subject) || '))'
    ], ' && '), '')
  end;
end
$$;

comment on function ledger.compile_combination(text, jsonb, text) is
  'Part of compile_schema(): the keywords "allOf", "anyOf", "oneOf", "not" and "if" with "then" '
  'and "else".';

-- from sql/registry/compile_keyword.sql
-- One keyword as a predicate, guarded so that it only looks at values of the type that it is about.
create or replace function ledger.compile_keyword(
  keyword text,
  applies_to text,
  schema jsonb,
  subject text
)
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := schema ->> 'type';
  v_predicate text := case
    when keyword = 'type' then ledger.compile_type(schema -> keyword, subject)
    when keyword in ('const', 'enum') then ledger.compile_values(keyword, schema, subject)
    when applies_to is null then ledger.compile_combination(keyword, schema, subject)
    when applies_to = 'number'
      then ledger.compile_number_keyword(keyword, schema -> keyword, subject)
    when applies_to = 'string'
      then ledger.compile_string_keyword(keyword, schema -> keyword, subject)
    when applies_to = 'array' then ledger.compile_array_keyword(keyword, schema, subject)
    when applies_to = 'object' then ledger.compile_object_keyword(keyword, schema, subject)
  end;
begin
  if applies_to is null
    or v_type = applies_to
    or (v_type = 'integer' and applies_to = 'number')
  then
    return v_predicate;
  end if;
  return '(' || subject || '.type() != "' || applies_to || '" || ' || v_predicate || ')';
end
$$;

comment on function ledger.compile_keyword(text, text, jsonb, text) is
  'Part of compile_schema(): one keyword of a schema as a jsonpath predicate over subject; NULL '
  'when it checks nothing.';

-- from sql/registry/compile_node.sql
-- One schema as a predicate over subject, a jsonpath that stands for exactly one value. NULL when
-- it checks nothing.
create or replace function ledger.compile_node(schema jsonb, subject text)
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_predicate text;
begin
  if compile_node.schema = 'false' then
    return '1 == 0';
  end if;
  select string_agg(p.predicate, ' && ' order by k.rank)
  into v_predicate
  from ledger.schema_keywords() as k
  cross join lateral ledger.compile_keyword(
    k.keyword, k.applies_to, compile_node.schema, compile_node.subject
  ) as p (predicate)
  where k.rank is not null
    and jsonb_typeof(compile_node.schema) = 'object'
    and compile_node.schema ? k.keyword;
  if length(v_predicate) > 200000 then
    perform ledger.refuse_schema('', 'the schema makes more than 200,000 characters of jsonpath');
  end if;
  return v_predicate;
end
$$;

comment on function ledger.compile_node(jsonb, text) is
  'Part of compile_schema(): one (sub)schema as a jsonpath predicate over subject.';

-- from sql/registry/compile_number_keyword.sql
-- Keywords about numbers. jsonpath compares and divides numeric exactly: 0.3 is a multiple of 0.1.
create or replace function ledger.compile_number_keyword(keyword text, value jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
return case keyword
  when 'minimum' then format('%s >= %s', subject, value)
  when 'maximum' then format('%s <= %s', subject, value)
  when 'exclusiveMinimum' then format('%s > %s', subject, value)
  when 'exclusiveMaximum' then format('%s < %s', subject, value)
  when 'multipleOf' then format('%s %% %s == 0', subject, value)
end;

comment on function ledger.compile_number_keyword(text, jsonb, text) is
  'Part of compile_schema(): "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", '
  '"multipleOf".';

-- from sql/registry/compile_object_keyword.sql
-- Keywords about objects. Looking at every key (.keyvalue()) costs about 0.5 us a key; the other
-- keywords look up named keys only.
create or replace function ledger.compile_object_keyword(keyword text, schema jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case
  when keyword = 'required' then ledger.compile_presence(schema -> keyword, subject)
  when keyword = 'minProperties' and schema -> keyword = '1' then format('exists(%s.*)', subject)
  when keyword = 'maxProperties' then format('!exists(%s.*)', subject)
  when keyword = 'properties' then (
    select string_agg(
      case
        when schema -> 'required' ? e.key then p
        else format('((exists(%s)) is unknown || %s)', path, p)
      end,
      ' && '
    )
    from jsonb_each(schema -> keyword) as e
    cross join lateral (select format('%s.%s', subject, to_json(e.key))) as s (path)
    cross join lateral ledger.compile_node(e.value, path) as p
    where p is not null
  )
  when keyword = 'dependentRequired' then (
    select string_agg(
      format('((exists(%s.%s)) is unknown || %s)', subject, to_json(e.key), p), ' && '
    )
    from jsonb_each(schema -> keyword) as e
    cross join lateral ledger.compile_presence(e.value, subject) as p
    where p is not null
  )
  when keyword = 'patternProperties' then (
    select string_agg(format('!exists(%s.keyvalue() ? (%s && !(%s)))', subject, k, p), ' && ')
    from jsonb_each(schema -> keyword) as e
    cross join lateral ledger.compile_string_keyword('pattern', to_jsonb(e.key), '@.key') as k
    cross join lateral ledger.compile_node(e.value, '@.value') as p
    where p is not null
  )
  when keyword = 'propertyNames' then
    '!exists(' || subject || '.keyvalue() ? (!('
    || ledger.compile_node(schema -> keyword, '@.key') || ')))'
  when keyword = 'additionalProperties' then
    '!exists(' || subject || '.keyvalue() ? (' || concat_ws(
      ' && ',
      (
        select string_agg(format('@.key != %s', to_json(k)), ' && ')
        from jsonb_object_keys(schema -> 'properties') as k
      ),
      (
        select string_agg(
          format('!(%s)', ledger.compile_string_keyword('pattern', to_jsonb(k), '@.key')), ' && '
        )
        from jsonb_object_keys(schema -> 'patternProperties') as k
      ),
      ''
    ) || '!(' || ledger.compile_node(schema -> keyword, '@.value') || ')))'
end
$$;

comment on function ledger.compile_object_keyword(text, jsonb, text) is
  'Part of compile_schema(): the keywords that are about objects.';

-- from sql/registry/compile_presence.sql
-- True when every key is there. In strict mode exists() of a missing key is unknown, never false.
create or replace function ledger.compile_presence(keys jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select '!((' || string_agg(format('exists(%s.%s)', subject, to_json(k)), ' && ') || ') is unknown)'
from jsonb_array_elements_text(keys) as k
$$;

comment on function ledger.compile_presence(jsonb, text) is
  'Part of compile_schema(): true when every key is present.';

-- from sql/registry/compile_schema.sql
-- JSON Schema (2020-12) -> jsonpath predicate for "payload @@ predicate", which runs in C. Strict
-- mode: nothing is unwrapped. In strict mode a missing key makes a predicate unknown; each piece
-- below is written so that it yields true or false wherever the value that it looks at exists. NULL
-- when the schema checks nothing. The checks that a keyword makes: compile_keyword().
create or replace function ledger.compile_schema(schema jsonb)
returns jsonpath
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_predicate text;
begin
  perform ledger.check_schema(compile_schema.schema);
  v_predicate := ledger.compile_node(
    ledger.expand_references(compile_schema.schema, compile_schema.schema -> '$defs'), '$'
  );
  return ('strict ' || v_predicate)::jsonpath;
end
$$;

comment on function ledger.compile_schema(jsonb) is
  'A JSON Schema as a jsonpath predicate: payload @@ ledger.compile_schema(schema). NULL = '
  'everything is valid. LG009 when unsupported.';

-- from sql/registry/compile_string_keyword.sql
-- Keywords about strings. jsonpath knows no length, so that is a regular expression: m characters
-- can be matched or m + 1 cannot. (The obvious ^.{0,m}$ costs three times as much.) A repetition
-- count ends at 255.
create or replace function ledger.compile_string_keyword(keyword text, value jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case
  when keyword = 'pattern'
    then format(
      '%s like_regex %s flag "s"', subject, to_json(ledger.translate_pattern(value #>> '{}'))
    )
  when keyword = 'minLength' and n = 0 then null
  when keyword = 'minLength' and n = 1 then format('%s != ""', subject)
  when keyword = 'maxLength' and n = 1 then format('%s == ""', subject)
  when keyword = 'minLength' then format('%s like_regex "%s" flag "s"', subject, l.regex)
  when keyword = 'maxLength' then format('!(%s like_regex "%s" flag "s")', subject, l.regex)
end
from (
  select case keyword when 'maxLength' then value::int + 1 when 'minLength' then value::int end
) as v (n)
cross join lateral (
  select '^' || case
    when n > 255 then format('(?:.{255}){%s}.{%s}', n / 255, n % 255)
    else format('.{%s}', n)
  end
) as l (regex)
$$;

comment on function ledger.compile_string_keyword(text, jsonb, text) is
  'Part of compile_schema(): the keywords "minLength", "maxLength" and "pattern".';

-- from sql/registry/compile_type.sql
-- "type": 1.0 is an integer (2020-12).
create or replace function ledger.compile_type(types jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case count(*) when 1 then min(p) else '(' || string_agg(p, ' || ' order by n) || ')' end
from jsonb_array_elements_text(
  case jsonb_typeof(types) when 'array' then types else jsonb_build_array(types) end
) with ordinality as t (type, n)
cross join lateral (
  select case t.type
    when 'integer' then format('(%1$s.type() == "number" && %1$s.floor() == %1$s)', subject)
    else format('%s.type() == "%s"', subject, t.type)
  end
) as p (p)
$$;

comment on function ledger.compile_type(jsonb, text) is
  'Part of compile_schema(): the keyword "type".';

-- from sql/registry/compile_values.sql
-- "const" and "enum". Values are grouped by type, because comparing unlike types is unknown. An
-- object or array is equal when a schema that allows just its parts says so.
create or replace function ledger.compile_values(keyword text, schema jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select coalesce('(' || string_agg(g.predicate, ' || ' order by g.type) || ')', '1 == 0')
from (
  select
    jsonb_typeof(v) as type,
    case
      when jsonb_typeof(v) in ('object', 'array')
        then string_agg(
          '(' || ledger.compile_node(ledger.equality_schema(v), subject) || ')', ' || '
        )
      when schema ->> 'type' = jsonb_typeof(v)
        or (schema ->> 'type' = 'integer' and jsonb_typeof(v) = 'number')
        then string_agg(format('%s == %s', subject, v), ' || ')
      else format(
        '(%s.type() == "%s" && (%s))',
        subject,
        jsonb_typeof(v),
        string_agg(format('%s == %s', subject, v), ' || ')
      )
    end as predicate
  from jsonb_array_elements(
    case keyword when 'enum' then schema -> 'enum' else jsonb_build_array(schema -> 'const') end
  ) as e (v)
  where schema ->> 'type' is null
    or jsonb_typeof(schema -> 'type') = 'array'
    or schema ->> 'type' = jsonb_typeof(v)
    or (schema ->> 'type' = 'integer' and jsonb_typeof(v) = 'number')
  group by jsonb_typeof(v)
) as g
$$;

comment on function ledger.compile_values(text, jsonb, text) is
  'Part of compile_schema(): the keywords "const" and "enum".';

-- from sql/registry/event_schema.sql
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

-- from sql/registry/explain_keyword.sql
-- Why a value does not satisfy a keyword, in words. Never quotes the value: it may be private, and
-- error messages are logged.
create or replace function ledger.explain_keyword(keyword text, value jsonb, schema jsonb)
returns table (step text, reason text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  v_limit text := schema ->> keyword;
begin
  if keyword in ('required', 'dependentRequired') then
    return query
    select
      ledger.pointer_step(k),
      'is required but missing' || coalesce(' when ' || to_json(r.because) || ' is present', '')
    from (
      select null::text as because, schema -> keyword as keys
      where keyword = 'required'
      union all
      select d.key, d.value
      from jsonb_each(
        case keyword when 'dependentRequired' then schema -> keyword else '{}' end
      ) as d
      where explain_keyword.value ? d.key
    ) as r
    cross join jsonb_array_elements_text(r.keys) as k
    where not explain_keyword.value ? k;
    return;
  end if;
  return query select '', case keyword
    when 'type'
      then format('must be %s, is %s', replace(btrim(v_limit, '[]'), '"', ''), jsonb_typeof(value))
    when 'const' then format('must be %s', schema -> 'const')
    when 'enum' then format('must be one of %s', substr(v_limit, 2, length(v_limit) - 2))
    when 'minimum' then format('must be at least %s', v_limit)
    when 'maximum' then format('must be at most %s', v_limit)
    when 'exclusiveMinimum' then format('must be more than %s', v_limit)
    when 'exclusiveMaximum' then format('must be less than %s', v_limit)
    when 'multipleOf' then format('must be a multiple of %s', v_limit)
    when 'minLength'
      then format('must have at least %s characters, has %s', v_limit, length(value #>> '{}'))
    when 'maxLength'
      then format('must have at most %s characters, has %s', v_limit, length(value #>> '{}'))
    when 'pattern' then format('must match %s', v_limit)
    when 'minItems'
      then format('must have at least %s items, has %s', v_limit, jsonb_array_length(value))
    when 'maxItems'
      then format('must have at most %s items, has %s', v_limit, jsonb_array_length(value))
    when 'contains' then 'must have an item that matches "contains"'
    when 'minProperties' then 'must not be empty'
    when 'maxProperties' then 'must be empty'
    when 'propertyNames' then 'has a key that does not match "propertyNames"'
    when 'anyOf' then 'must match at least one alternative of "anyOf"'
    when 'oneOf' then 'must match exactly one alternative of "oneOf"'
    when 'not' then 'must not match "not"'
  end;
end
$$;

comment on function ledger.explain_keyword(text, jsonb, jsonb) is
  'Part of explain_payload(): why a value does not satisfy a keyword, without quoting the value.';

-- from sql/registry/explain_payload.sql
-- Why a payload is refused: a row per failing constraint, none when the payload is valid. The slow
-- path: runs only after a no.
create or replace function ledger.explain_payload(payload jsonb, schema jsonb)
returns table (pointer text, reason text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select e.pointer, e.reason
  from ledger.explain_value(
    payload, ledger.expand_references(explain_payload.schema, explain_payload.schema -> '$defs'), ''
  ) as e;
end
$$;

comment on function ledger.explain_payload(jsonb, jsonb) is
  'What in the payload does not match the schema: JSON pointer and reason, a row each; no row '
  'when it is valid.';

-- from sql/registry/explain_value.sql
-- Tries each keyword of one schema on one value. What holds other schemas is explained by looking
-- into them.
create or replace function ledger.explain_value(value jsonb, schema jsonb, base text)
returns table (pointer text, reason text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_keyword record;
begin
  if explain_value.schema = 'false' then
    return query select explain_value.base, 'is not allowed here';
  end if;
  for v_keyword in
    select k.keyword
    from ledger.schema_keywords() as k
    cross join lateral ledger.compile_keyword(
      k.keyword, k.applies_to, explain_value.schema, '$'
    ) as p (predicate)
    where k.rank is not null
      and jsonb_typeof(explain_value.schema) = 'object'
      and explain_value.schema ? k.keyword
      and p.predicate is not null
      and (explain_value.value @@ ('strict ' || p.predicate)::jsonpath) is not true
    order by k.rank
  loop
    if v_keyword.keyword in (
      'allOf', 'if', 'properties', 'prefixItems', 'items', 'patternProperties',
      'additionalProperties'
    ) then
      return query
      select e.pointer, e.reason
      from ledger.schemas_below(
        v_keyword.keyword, explain_value.value, explain_value.schema
      ) as b
      cross join lateral ledger.explain_value(
        b.part, b.part_schema, explain_value.base || b.step
      ) as e;
    else
      return query
      select explain_value.base || r.step, r.reason
      from ledger.explain_keyword(
        v_keyword.keyword, explain_value.value, explain_value.schema
      ) as r;
    end if;
    exit when v_keyword.keyword = 'type';
  end loop;
end
$$;

comment on function ledger.explain_value(jsonb, jsonb, text) is
  'Part of explain_payload(): one value against one (sub)schema.';

-- from sql/registry/find_event_type.sql
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

-- from sql/registry/incompatibilities.sql
-- Where a new schema might refuse what the old one accepts: a row each, none when it accepts
-- everything. Errs on the safe side. A field that the old schema did not declare counts as absent:
-- otherwise no field could ever be added to an open object.
create or replace function ledger.incompatibilities(old_schema jsonb, new_schema jsonb, base text)
returns table (pointer text, reason text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_old jsonb := case when jsonb_typeof(old_schema) = 'boolean' then '{}' else old_schema end;
  v_keyword record;
begin
  if old_schema = new_schema or old_schema = 'false' or new_schema = 'true' then
    return;
  elsif new_schema = 'false' then
    return query select incompatibilities.base, 'is no longer allowed';
    return;
  end if;
  for v_keyword in
    select k.keyword, new_schema -> k.keyword as new_value, v_old -> k.keyword as old_value
    from ledger.schema_keywords() as k
    where k.rank is not null and new_schema ? k.keyword
  loop
    if v_keyword.keyword in (
      'properties', 'items', 'allOf', 'anyOf', 'additionalProperties', 'required'
    ) then
      return query
      select c.pointer, c.reason
      from ledger.incompatible_parts(
        v_keyword.keyword, v_old, new_schema, incompatibilities.base
      ) as c;
    elsif not ledger.is_wider(v_keyword.keyword, v_old, new_schema) then
      return query select
        incompatibilities.base || '/' || v_keyword.keyword,
        case when v_keyword.old_value is null then 'was added' else 'was narrowed or changed' end;
    end if;
  end loop;
end
$$;

comment on function ledger.incompatibilities(jsonb, jsonb, text) is
  'Where a new schema might refuse what the old one accepts: pointer into the schema and '
  'reason; no row when it is compatible.';

-- from sql/registry/incompatible_parts.sql
-- Incompatibilities in what a keyword holds. For a property or item that one side does not mention,
-- what applies there instead is compared.
create or replace function ledger.incompatible_parts(
  keyword text,
  old_schema jsonb,
  new_schema jsonb,
  base text
)
returns table (pointer text, reason text)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  v_old jsonb := old_schema -> keyword;
  v_new jsonb := new_schema -> keyword;
  v_below text := base || '/' || keyword;
  v_rest jsonb := coalesce(old_schema -> 'additionalProperties', 'true');
  v_same_patterns boolean :=
    old_schema -> 'patternProperties' is not distinct from new_schema -> 'patternProperties';
  v_same_prefix boolean :=
    old_schema -> 'prefixItems' is not distinct from new_schema -> 'prefixItems';
begin
  case keyword
    when 'required' then
      return query
      select v_below, format('"%s" is newly required', k)
      from jsonb_array_elements_text(v_new) as k
      where not coalesce(v_old ? k, false);
    when 'properties' then
      return query
      select c.pointer, c.reason
      from jsonb_each(v_new) as n
      cross join lateral ledger.incompatibilities(
        case
          when v_old ? n.key then v_old -> n.key
          when v_rest = 'true' and not old_schema ? 'patternProperties' then 'false'
          when old_schema ? 'patternProperties' then 'true'
          else v_rest
        end,
        n.value,
        v_below || ledger.pointer_step(n.key)
      ) as c;
    when 'items' then
      return query
      select c.pointer, c.reason
      from ledger.incompatibilities(
        case when v_same_prefix then coalesce(v_old, 'true') else 'true' end, v_new, v_below
      ) as c;
    when 'additionalProperties' then
      return query
      select c.pointer, c.reason
      from ledger.incompatibilities(
        case when v_same_patterns then v_rest else 'true' end, v_new, v_below
      ) as c
      union all
      select p.pointer, p.reason
      from jsonb_each(coalesce(old_schema -> 'properties', '{}')) as o
      cross join lateral ledger.incompatibilities(
        o.value, v_new, base || '/properties' || ledger.pointer_step(o.key)
      ) as p
      where not coalesce(new_schema -> 'properties' ? o.key, false);
    else
      return query
      select c.pointer, c.reason
      from jsonb_array_elements(
        case when keyword = 'anyOf' then coalesce(v_old, '[true]') else v_new end
      ) with ordinality as e (e, n)
      cross join lateral ledger.incompatibilities(
        coalesce(v_old -> (n - 1)::int, case keyword when 'allOf' then old_schema else 'true' end),
        coalesce(v_new -> (n - 1)::int, 'false'),
        v_below || '/' || n - 1
      ) as c;
  end case;
end
$$;

comment on function ledger.incompatible_parts(text, jsonb, jsonb, text) is
  'Part of incompatibilities(): the keywords that hold other schemas, and "required".';

-- from sql/registry/is_wider.sql
-- Whether a keyword of the new schema accepts at least what the old schema accepts. What cannot be
-- compared must be equal.
create or replace function ledger.is_wider(keyword text, old_schema jsonb, new_schema jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select coalesce(case
  when keyword = 'type' then
    jsonb_path_query_array(old_value, 'lax $[*]') <@ (
      jsonb_path_query_array(new_value, 'lax $[*]')
      || case when new_value @> '"number"' then '["integer"]'::jsonb else '[]' end
    )
  when keyword in ('const', 'enum') then
    old_schema ?| array['const', 'enum']
    and not exists (
      select jsonb_array_elements(
        coalesce(old_schema -> 'enum', jsonb_build_array(old_schema -> 'const'))
      )
      except
      select jsonb_array_elements(
        case keyword when 'enum' then new_value else jsonb_build_array(new_value) end
      )
    )
  when keyword = 'minimum' then
    greatest(old_value::numeric, (old_schema -> 'exclusiveMinimum')::numeric)
    >= new_value::numeric
  when keyword = 'maximum' then
    least(old_value::numeric, (old_schema -> 'exclusiveMaximum')::numeric) <= new_value::numeric
  when keyword = 'exclusiveMinimum' then
    old_value::numeric >= new_value::numeric
    or (old_schema -> 'minimum')::numeric > new_value::numeric
  when keyword = 'exclusiveMaximum' then
    old_value::numeric <= new_value::numeric
    or (old_schema -> 'maximum')::numeric < new_value::numeric
  when keyword in ('minLength', 'minItems', 'minProperties') then
    coalesce(old_value, '0')::numeric >= new_value::numeric
  when keyword in ('maxLength', 'maxItems', 'maxProperties') then
    old_value::numeric <= new_value::numeric
  when keyword = 'if' then
    new_value = old_value
    and new_schema -> 'then' is not distinct from old_schema -> 'then'
    and new_schema -> 'else' is not distinct from old_schema -> 'else'
  else new_value = old_value
end, false)
from (select old_schema -> keyword as old_value, new_schema -> keyword as new_value) as v
$$;

comment on function ledger.is_wider(text, jsonb, jsonb) is
  'Part of incompatibilities(): whether the new schema''s keyword accepts at least what the old '
  'schema does.';

-- from sql/registry/marked_pointers.sql
-- JSON pointers of the fields that a schema marks (x-private or x-secret), "*" for every item of an
-- array. A mark counts in every branch of a combination. Where the marked fields depend on the
-- payload's keys, a mark is refused.
create or replace function ledger.marked_pointers(schema jsonb, mark text, pointer text default '')
returns setof text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keyword text;
  v_below jsonb;
begin
  if marked_pointers.schema -> mark = 'true' then
    if marked_pointers.pointer = '' then
      perform ledger.refuse_schema('', format('"%s" marks fields, not the whole payload', mark));
    end if;
    return next marked_pointers.pointer;
  end if;
  for v_keyword, v_below in
    select e.key, e.value
    from jsonb_each(
      case jsonb_typeof(marked_pointers.schema)
        when 'object' then marked_pointers.schema
        else '{}'
      end
    ) as e
  loop
    if v_keyword = 'properties' then
      return query
      select p
      from jsonb_each(v_below) as e
      cross join ledger.marked_pointers(e.value, mark, pointer || ledger.pointer_step(e.key)) as p;
    elsif v_keyword = 'items' then
      return query select p from ledger.marked_pointers(v_below, mark, pointer || '/*') as p;
    elsif v_keyword = 'prefixItems' then
      return query
      select p
      from jsonb_array_elements(v_below) with ordinality as a (e, n)
      cross join ledger.marked_pointers(a.e, mark, pointer || '/' || n - 1) as p;
    elsif v_keyword in ('allOf', 'anyOf', 'oneOf') then
      return query
      select p
      from jsonb_array_elements(v_below) as e
      cross join ledger.marked_pointers(e, mark, pointer) as p;
    elsif v_keyword in ('if', 'then', 'else') then
      return query select p from ledger.marked_pointers(v_below, mark, pointer) as p;
    elsif v_keyword in (
      'not', 'contains', 'additionalProperties', 'propertyNames', 'patternProperties'
    ) then
      perform ledger.refuse_schema(
        pointer || ledger.pointer_step(v_keyword),
        format('"%s" cannot be found under this keyword', mark)
      )
      from jsonb_each(
        case v_keyword
          when 'patternProperties' then v_below
          else jsonb_build_object('', v_below)
        end
      ) as e
      cross join ledger.marked_pointers(e.value, mark, '/') as p;
    end if;
  end loop;
end
$$;

comment on function ledger.marked_pointers(jsonb, text, text) is
  'JSON pointers of the fields that a schema marks "x-private" or "x-secret" ("*" = every item '
  'of an array).';

-- from sql/registry/refuse_incompatible.sql
-- Raises LG011 when the new schema might refuse what the old one accepts, or opens what the old one
-- kept private.
create or replace function ledger.refuse_incompatible(
  event_type text,
  old_schema jsonb,
  new_schema jsonb
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_old jsonb := ledger.expand_references(old_schema, old_schema -> '$defs');
  v_new jsonb := ledger.expand_references(new_schema, new_schema -> '$defs');
  v_reasons text;
begin
  select string_agg(
    format('%s: %s', coalesce(nullif(i.pointer, ''), 'schema'), i.reason),
    '; ' order by i.pointer, i.reason
  )
  into v_reasons
  from (
    select c.pointer, c.reason from ledger.incompatibilities(v_old, v_new, '') as c
    union all
    select p, format('is no longer marked "%s"', m.mark)
    from unnest(array['x-private', 'x-secret']) as m (mark)
    cross join lateral (
      select ledger.marked_pointers(v_old, m.mark)
      except
      select ledger.marked_pointers(v_new, m.mark)
    ) as lost (p)
  ) as i;
  if v_reasons is not null then
    raise exception using
      errcode = 'LG011',
      message = format('the schema of %s is not backward compatible', event_type),
      detail = v_reasons,
      hint = 'Keep accepting what the current version accepts, or say compatibility => ''none'' if '
        'no old payload matters.';
  end if;
end
$$;

comment on function ledger.refuse_incompatible(text, jsonb, jsonb) is
  'Part of register_event_type(): LG011 unless the new schema accepts everything that the old '
  'one accepts.';

-- from sql/registry/refuse_payload.sql
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

-- from sql/registry/refuse_version.sql
-- A version is the next one or none: what is registered never changes, and nothing is skipped.
create or replace function ledger.refuse_version(
  event_type text,
  schema_version int,
  latest_version int
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if schema_version <= latest_version then
    raise exception using
      errcode = 'LG011',
      message = format(
        '%s version %s is registered with another schema', event_type, schema_version
      ),
      hint = format(
        'A registered version never changes. Register this schema as version %s.',
        latest_version + 1
      );
  elsif schema_version > latest_version + 1 then
    raise exception using
      errcode = 'LG011',
      message = format(
        '%s version %s cannot be registered: the next version is %s',
        event_type, schema_version, latest_version + 1
      ),
      hint = 'Register the versions in order, or leave schema_version out.';
  end if;
end
$$;

comment on function ledger.refuse_version(text, int, int) is
  'Part of register_event_type(): LG011 unless the version is the one after the latest.';

-- from sql/registry/register_event_type.sql
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

-- from sql/registry/schemas_below.sql
-- Which parts of a value a keyword applies which schema to; step is the way from the value to the
-- part.
create or replace function ledger.schemas_below(keyword text, value jsonb, schema jsonb)
returns table (step text, part jsonb, part_schema jsonb)
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  v_below jsonb := schema -> keyword;
  v_predicate jsonpath;
begin
  case
    when keyword = 'allOf' then
      return query select '', value, s from jsonb_array_elements(v_below) as s;
    when keyword = 'if' then
      return query select '', value, schema -> case
        when exists (select from ledger.explain_value(value, v_below, '')) then 'else'
        else 'then'
      end;
    when keyword = 'prefixItems' then
      return query
      select '/' || n - 1, value -> (n - 1)::int, s
      from jsonb_array_elements(v_below) with ordinality as a (s, n)
      where n <= jsonb_array_length(value);
    when keyword = 'items' then  -- of a long list only what is wrong
      v_predicate := ('strict ' || ledger.compile_node(v_below, '$'))::jsonpath;
      return query
      select '/' || n - 1, e, v_below
      from jsonb_array_elements(value) with ordinality as a (e, n)
      where n > jsonb_array_length(coalesce(schema -> 'prefixItems', '[]'))
        and (e @@ v_predicate) is not true;
    when keyword = 'properties' then
      return query
      select ledger.pointer_step(e.key), e.value, v_below -> e.key
      from jsonb_each(value) as e
      where v_below ? e.key;
    when keyword = 'patternProperties' then
      return query
      select ledger.pointer_step(e.key), e.value, p.value
      from jsonb_each(value) as e
      join jsonb_each(v_below) as p on e.key ~ ledger.translate_pattern(p.key);
    when keyword = 'additionalProperties' then
      return query
      select ledger.pointer_step(e.key), e.value, v_below
      from jsonb_each(value) as e
      where not coalesce(schema -> 'properties' ? e.key, false)
        and not exists (
          select
          from jsonb_object_keys(schema -> 'patternProperties') as p
          where e.key ~ ledger.translate_pattern(p)
        );
  end case;
end
$$;

comment on function ledger.schemas_below(text, jsonb, jsonb) is
  'Part of explain_payload(): the parts of a value and the schemas that a keyword applies to them.';

-- from sql/registry/summary_parts.sql
-- A summary taken apart: literal text and placeholders, in order. {{ and }} stand for braces; of a
-- lone brace, or {}, there is neither literal nor path.
create or replace function ledger.summary_parts(summary text)
returns table (n bigint, literal text, path text[])
language sql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select
    t.n,
    case
      when t.token in ('{{', '}}') then left(t.token, 1)
      when t.token !~ '^[{}]' then t.token
    end,
    case
      when t.token ~ '^\{[^{}]+\}$' then string_to_array(btrim(t.token, '{}'), '.')
    end
  from (
    select m.n, m.match[1] as token
    from regexp_matches(summary, '(\{\{|\}\}|\{[^{}]*\}|[^{}]+|.)', 'g')
      with ordinality as m (match, n)
  ) as t
$$;

comment on function ledger.summary_parts(text) is
  'Part of register_event_type(): literals and placeholders of a summary, in order.';

-- from sql/registry/check_summary.sql
-- A summary names what every event has: its columns, and paths into its three documents.
create or replace function ledger.check_summary(summary text)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_columns constant text[] := array[
    'tenant_id', 'id', 'created_at', 'run_id', 'trace_id', 'correlation_id', 'causation_id',
    'event_type', 'schema_version', 'deal_id', 'action_id', 'aggregate_type', 'aggregate_id',
    'sequence', 'actor_type', 'actor_id', 'outcome', 'occurred_at'
  ];
  v_problem text;
begin
  select
    case
      when length(check_summary.summary) not between 1 and 500
        then 'it must have 1 to 500 characters'
      when p.path is null then 'a brace stands alone'
      else format('it has no placeholder {%s}', array_to_string(p.path, '.'))
    end
  into v_problem
  from ledger.summary_parts(check_summary.summary) as p
  where length(check_summary.summary) not between 1 and 500
    or p.literal is null and case
      when p.path[1] in ('payload', 'metadata', 'proof')
        then cardinality(p.path) > 1 and '' <> all(p.path)
      else cardinality(p.path) = 1 and p.path[1] = any(c_columns)
    end is not true
  order by p.n
  limit 1;
  if v_problem is not null or check_summary.summary = '' then
    raise exception using
      errcode = 'LG009',
      message = format(
        'summary %L: %s',
        left(check_summary.summary, 100), coalesce(v_problem, 'it is empty')
      ),
      hint = 'Placeholders are columns of the event, as {aggregate_id}, and paths, as '
        '{payload.new_stage}, {metadata.…} or {proof.…}; {{ and }} stand for braces.';
  end if;
end
$$;

comment on function ledger.check_summary(text) is
  'Part of register_event_type(): LG009 unless the summary has known placeholders only.';

-- from sql/registry/summary_expression.sql
-- A summary as a SQL expression over a row e of an event; what the event does not have is "?". What
-- has no summary says type, aggregate, actor and outcome. Everything from the registry is quoted.
create or replace function ledger.summary_expression(summary text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    string_agg(
      case
        when p.literal is not null then quote_literal(p.literal)
        when p.path[1] in ('created_at', 'occurred_at') then format(
          $x$coalesce(to_char(e.%I at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '?')$x$,
          p.path[1]
        )
        when cardinality(p.path) = 1 then format($x$coalesce(e.%I::text, '?')$x$, p.path[1])
        when cardinality(p.path) = 2
          then format($x$coalesce(e.%I ->> %L, '?')$x$, p.path[1], p.path[2])
        else format($x$coalesce(e.%I #>> %L, '?')$x$, p.path[1], p.path[2:])
      end,
      ' || ' order by p.n
    ),
    $x$concat(
      e.event_type, ' ' || e.aggregate_type || '/' || e.aggregate_id,
      ' by ' || coalesce(e.actor_id, e.actor_type), ' (' || e.outcome || ')'
    )$x$
  )
  from ledger.summary_parts(summary_expression.summary) as p
$$;

comment on function ledger.summary_expression(text) is
  'Part of describe_event() and export_events(): a summary as a SQL expression over an event e.';

-- from sql/registry/choose_by_type.sql
-- A SQL expression that looks an event's type up among many, by halves: a CASE over a hundred types
-- would compare half of them for every event.
create or replace function ledger.choose_by_type(
  event_types text[],
  expressions text[],
  otherwise text
)
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_half int := cardinality(event_types) / 2;
begin
  return case
    when coalesce(cardinality(event_types), 0) = 0 then otherwise
    when v_half < 4 then (
      select format(
        'case e.event_type %s else %s end',
        string_agg(format('when %L then %s', u.event_type, u.expression), ' ' order by u.n),
        otherwise
      )
      from unnest(event_types, expressions) with ordinality as u (event_type, expression, n)
    )
    else format(
      'case when e.event_type < %L then %s else %s end',
      event_types[v_half + 1],
      ledger.choose_by_type(event_types[:v_half], expressions[:v_half], otherwise),
      ledger.choose_by_type(event_types[v_half + 1:], expressions[v_half + 1:], otherwise)
    )
  end;
end
$$;

comment on function ledger.choose_by_type(text[], text[], text) is
  'Part of export_events(): an expression that chooses by the type of an event e; the types are '
  'sorted bytewise.';

-- from sql/privacy/find_paths.sql
-- The paths in a document that a JSON pointer leads to: one, none, or many when "*" stands for
-- every item of an array.
create or replace function ledger.find_paths(doc jsonb, pointer text)
returns setof text[]
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_step text := replace(replace(split_part(pointer, '/', 2), '~1', '/'), '~0', '~');
  v_rest text := substr(pointer, length(split_part(pointer, '/', 2)) + 2);
  v_key text;
begin
  if pointer = '' then
    return next '{}'::text[];
    return;
  end if;
  for v_key in
    select v_step where jsonb_typeof(doc) = 'object' and doc ? v_step
    union all
    select n::text
    from generate_series(
      0, case jsonb_typeof(doc) when 'array' then jsonb_array_length(doc) else 0 end - 1
    ) as n
    where v_step in ('*', n::text)
  loop
    return query
    select array[v_key] || p
    from ledger.find_paths(
      case jsonb_typeof(doc) when 'array' then doc -> v_key::int else doc -> v_key end, v_rest
    ) as p;
  end loop;
end
$$;

comment on function ledger.find_paths(jsonb, text) is
  'The paths in a document that a JSON pointer leads to; "*" stands for every item of an array.';

-- from sql/privacy/has_secret_keys.sql
-- Whether a document, given as jsonb::text, has a key that is on the deny list (secret_keys()), at
-- any depth. The quick look comes first. In jsonb::text an unescaped quote, colon and blank after a
-- name can only be the end of a key: no value is taken for one.
create or replace function ledger.has_secret_keys(doc_text text)
returns boolean
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := lower(doc_text collate "C");
begin
  if not ledger.may_have_secrets(v_text) then
    return false;
  end if;
  return exists (
    select
    from ledger.secret_keys() as s
    where strpos(v_text, s.ending || case when s.only_text then '": "' else '": ' end) > 0
  );
end
$$;

comment on function ledger.has_secret_keys(text) is
  'Whether a jsonb::text has a key that is on the deny list, at any depth: then mask() changes '
  'it, unless it is masked already.';

-- from sql/privacy/mask.sql
-- The document with every secret replaced by "***": values under keys of the deny list, at any
-- depth, and the fields that secret_paths names (JSON pointers, "*" = every item of an array).
create or replace function ledger.mask(doc jsonb, secret_paths text[] default null)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_doc jsonb := doc;
  v_path text[];
begin
  for v_path in
    select p from unnest(mask.secret_paths) as s cross join ledger.find_paths(doc, s) as p
  loop
    v_doc := jsonb_set(v_doc, v_path, '"***"');
  end loop;
  if ledger.has_secret_keys(v_doc::text) then
    return ledger.mask_keys(v_doc);
  end if;
  return v_doc;
exception
  when statement_too_complex then
    raise exception using
      errcode = 'LG009',
      message = 'the document holds a secret and is nested too deeply to be masked',
      hint = 'Leave the secret out, or nest less than a few hundred levels.';
end
$$;

comment on function ledger.mask(jsonb, text[]) is
  'The document with secrets replaced by "***": keys on the deny list (secret_keys()) at any '
  'depth, and the fields that secret_paths names.';

-- from sql/privacy/mask_keys.sql
-- Replaces the value of every key that is on the deny list, at any depth.
create or replace function ledger.mask_keys(doc jsonb)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case jsonb_typeof(doc)
    when 'object' then (
      select coalesce(jsonb_object_agg(e.key, case
        when ledger.has_secret_keys(jsonb_build_object(e.key, v.marker)::text)
          then to_jsonb('***'::text)
        else ledger.mask_keys(e.value)
      end), '{}')
      from jsonb_each(doc) as e
      cross join lateral (
        select case jsonb_typeof(e.value) when 'string' then '""'::jsonb else 'null' end
      ) as v (marker)
    )
    when 'array' then (
      select coalesce(jsonb_agg(ledger.mask_keys(e) order by n), '[]')
      from jsonb_array_elements(doc) with ordinality as a (e, n)
    )
    else doc
  end;
end
$$;

comment on function ledger.mask_keys(jsonb) is
  'Part of mask(): masks the keys that are on the deny list, at any depth.';

-- from sql/privacy/may_have_secrets.sql
-- The quick look before has_secret_keys(): no document with a key on the deny list passes it, a few
-- others do not either. On every emit, so: an expression that the planner inlines, over text in
-- lower case that emit has made anyway.
create or replace function ledger.may_have_secrets(lower_text text)
returns boolean
language sql
immutable
parallel safe
return greatest(
  strpos(lower_text, 'key": '), strpos(lower_text, 'token": "'), strpos(lower_text, 'passw'),
  strpos(lower_text, 'secret": '), strpos(lower_text, 'authorization": '),
  strpos(lower_text, 'credential'), strpos(lower_text, 'cookie'), strpos(lower_text, 'phrase": '),
  strpos(lower_text, 'mnemonic": ')
) > 0;

comment on function ledger.may_have_secrets(text) is
  'Part of emit_event(): false when a document, as jsonb::text in lower case, has no key on the '
  'deny list for certain.';

-- from sql/privacy/secret_keys.sql
-- The deny list: keys whose values never reach a table. A key is on it when it ends with one of
-- these, whatever its case: password, db_password and adminPassword all are. With only_text, only a
-- text value is a secret: {"token": "eyJ..."} is one, {"time_to_first_token": 120} is a
-- measurement. This is the only place where the names stand.
create or replace function ledger.secret_keys()
returns table (ending text, only_text boolean)
language sql
immutable
parallel safe
rows 25
set search_path = pg_catalog, pg_temp
as $$
values
  ('password', false),
  ('passwd', false),
  ('passphrase', false),
  ('secret', false),
  ('token', true),
  ('authorization', false),
  ('api_key', false),
  ('api-key', false),
  ('apikey', false),
  ('secret_key', false),
  ('secret-key', false),
  ('secretkey', false),
  ('private_key', false),
  ('private-key', false),
  ('privatekey', false),
  ('access_key', false),
  ('access-key', false),
  ('accesskey', false),
  ('credential', false),
  ('credentials', false),
  ('cookie', false),
  ('cookies', false),
  ('mnemonic', false),
  ('seed_phrase', false),
  ('seedphrase', false)
$$;

comment on function ledger.secret_keys() is
  'Endings of the keys whose values are masked everywhere; only_text = only when the value is a '
  'text.';

-- from sql/privacy/split_private.sql
-- Takes the fields that private_paths names (JSON pointers, "*" = every item of an array) out of a
-- payload. private maps the pointer of each to its value; an item of an array leaves null behind,
-- so that the others keep their index.
create or replace function ledger.split_private(
  payload jsonb,
  private_paths text[],
  out public jsonb,
  out private jsonb
)
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_path text[];
begin
  public := split_private.payload;
  private := '{}';
  for v_path in
    select p
    from unnest(split_private.private_paths) as s
    cross join ledger.find_paths(split_private.payload, s) as p
    group by p  -- two pointers may lead to one field
    order by cardinality(p)
  loop
    continue when public #> v_path is null;  -- it went with the field around it
    private := private || jsonb_build_object(
      (
        select string_agg(ledger.pointer_step(k), '' order by n)
        from unnest(v_path) with ordinality as u (k, n)
      ),
      public #> v_path
    );
    if jsonb_typeof(public #> v_path[:cardinality(v_path) - 1]) = 'array' then
      public := jsonb_set(public, v_path, 'null');
    else
      public := public #- v_path;
    end if;
  end loop;
end
$$;

comment on function ledger.split_private(jsonb, text[]) is
  'A payload without its private fields, and those fields as an object of JSON pointer -> value '
  '({} when it has none).';

-- from sql/privacy/pointer_path.sql
-- A JSON pointer (RFC 6901) as a path for #> and jsonb_set(); pointer_step() the other way round.
create or replace function ledger.pointer_path(pointer text)
returns text[]
language sql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
return array(
  select replace(replace(s.step, '~1', '/'), '~0', '~')
  from regexp_split_to_table(substr(pointer_path.pointer, 2), '/') with ordinality as s (step, n)
  where pointer_path.pointer <> ''
  order by s.n
);

comment on function ledger.pointer_path(text) is
  'A JSON pointer as an array of its steps: "/a~1b/0" -> {a/b,0}.';

-- from sql/privacy/merge_private.sql
-- Puts the fields that split_private() took out back into a payload: its inverse. private maps the
-- pointer of each to its value.
create or replace function ledger.merge_private(payload jsonb, private jsonb)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_payload jsonb := merge_private.payload;
  v_pointer text;
  v_value jsonb;
begin
  for v_pointer, v_value in
    select e.key, e.value from jsonb_each(merge_private.private) as e
  loop
    v_payload := jsonb_set(v_payload, ledger.pointer_path(v_pointer), v_value);
  end loop;
  return v_payload;
end
$$;

comment on function ledger.merge_private(jsonb, jsonb) is
  'A payload with its private fields, an object of JSON pointer -> value, put back.';

-- from sql/privacy/pointer_jsonpath.sql
-- A JSON pointer to marked fields ("*" = every item of an array) as a jsonpath that finds something
-- wherever find_paths() does, and now and then more: the quick look before mask().
create or replace function ledger.pointer_jsonpath(pointer text)
returns text
language sql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
return (
  select '$' || string_agg(
    case when s.step ~ '^(\*|[0-9]+)$' then '.**{1}' else '.' || to_json(s.step) end,
    '' order by s.n
  )
  from unnest(ledger.pointer_path(pointer_jsonpath.pointer)) with ordinality as s (step, n)
);

comment on function ledger.pointer_jsonpath(text) is
  'Part of export_events(): a jsonpath that finds what the JSON pointer leads to.';

-- from sql/run/agent_runs.sql
-- One row per agent run, never changed: the status is what the run.* events say (view
-- agent_run_status).
create table ledger.agent_runs (
  tenant_id text collate "C" not null,
  id uuid not null,
  agent_name text not null check (length(agent_name) between 1 and 200),
  parent_run_id uuid,
  trace_id uuid,
  correlation_id uuid,
  started_at timestamptz not null,
  primary key (tenant_id, id),
  check (
    id = '00000000-0000-0000-0000-000000000000'
    or (trace_id is not null and correlation_id is not null)
  ),
  foreign key (tenant_id, parent_run_id) references ledger.agent_runs (tenant_id, id)
);

create index agent_runs_started_at on ledger.agent_runs (tenant_id, started_at);
create index agent_runs_trace_id on ledger.agent_runs (tenant_id, trace_id);
create index agent_runs_parent on ledger.agent_runs (tenant_id, parent_run_id)
where parent_run_id is not null;

comment on table ledger.agent_runs is
  'Agent runs, append-only. Each tenant has one ambient run (id = nil UUID) for what happens '
  'outside any run; it has no trace of its own.';

-- from sql/event/agent_events.sql
-- The event. emit_event() and emit_events() are the only inserters and check every rule; the table
-- itself carries no CHECK, because each costs about a microsecond per statement (doctor() re-checks
-- the rules).
create table ledger.agent_events (
  tenant_id text collate "C" not null,
  id uuid not null,
  created_at timestamptz not null,
  run_id uuid not null,
  trace_id uuid not null,
  correlation_id uuid not null,
  causation_id uuid,
  event_type varchar(100) collate "C" not null,
  schema_version int not null,
  payload jsonb not null,
  deal_id uuid,
  action_id uuid,
  aggregate_type text collate "C",
  aggregate_id text collate "C",
  sequence bigint,
  actor_type text,
  actor_id text,
  outcome text,
  proof jsonb,
  metadata jsonb,
  occurred_at timestamptz,
  private_hash bytea,
  prev_hash bytea,
  hash bytea not null,
  xact_id xid8 not null default pg_current_xact_id(),
  primary key (tenant_id, created_at, id)
) partition by range (created_at);

create index agent_events_stream
on ledger.agent_events (tenant_id, aggregate_type, aggregate_id, sequence)
where aggregate_id is not null;
create index agent_events_correlation
on ledger.agent_events (tenant_id, correlation_id, created_at);
create index agent_events_run
on ledger.agent_events (tenant_id, run_id, created_at)
where run_id <> '00000000-0000-0000-0000-000000000000';
create index agent_events_type
on ledger.agent_events (tenant_id, event_type, created_at);
-- Traces are many and random: a Bloom filter per 32 pages finds one at a tenth of a B-tree's size,
-- and costs emit nothing measurable.
create index agent_events_trace
on ledger.agent_events using brin (trace_id uuid_bloom_ops)
with (pages_per_range = 32, autosummarize = on);
-- seal() finds new events by it. (A BRIN index costs emit as much, and is blind to the newest pages
-- until a vacuum.)
create index agent_events_xact on ledger.agent_events (xact_id);

comment on table ledger.agent_events is
  'The events, append-only and partitioned by created_at. Read them through the view '
  'ledger.events.';
comment on column ledger.agent_events.id is
  'UUIDv7 (RFC 9562, method 3) whose time is created_at to the microsecond: '
  'ledger.event_time(id) = created_at.';
comment on column ledger.agent_events.created_at is
  'Server clock at emit; strictly increasing within a stream.';
comment on column ledger.agent_events.trace_id is 'The 128-bit OpenTelemetry trace id, as a UUID.';
comment on column ledger.agent_events.correlation_id is
  'deal_id if there is a deal, else what the caller gave, else its cause''s, else the run''s, '
  'else the trace.';
comment on column ledger.agent_events.causation_id is 'id of the event that caused this one.';
comment on column ledger.agent_events.aggregate_type is
  'With aggregate_id: the thing the event is about, e.g. deal, post, wallet.';
comment on column ledger.agent_events.sequence is
  'Gapless from 1 within the stream (tenant, aggregate_type, aggregate_id); NULL without '
  'aggregate.';
comment on column ledger.agent_events.occurred_at is
  'When it happened, as told by the caller; NULL = created_at.';
comment on column ledger.agent_events.private_hash is
  'SHA-256 commitment to what event_private holds, or held before it was erased.';
comment on column ledger.agent_events.prev_hash is
  'hash of the stream''s previous event; NULL for its first.';
comment on column ledger.agent_events.hash is
  'SHA-256 over all fields (format agent-events/leaf/v1, see docs): chain link and Merkle leaf '
  'in one.';
comment on column ledger.agent_events.xact_id is
  'Transaction that wrote the event; sealing finds new events by it. Not hashed.';

-- from sql/archive/agent_events_archive.sql
-- Same columns and bounds as agent_events: a whole partition moves here by DETACH + ATTACH.
create table ledger.agent_events_archive (
  like ledger.agent_events including defaults,
  primary key (tenant_id, created_at, id)
) partition by range (created_at);

create index agent_events_archive_stream
on ledger.agent_events_archive (tenant_id, aggregate_type, aggregate_id, sequence)
where aggregate_id is not null;
create index agent_events_archive_correlation
on ledger.agent_events_archive (tenant_id, correlation_id, created_at);
create index agent_events_archive_run
on ledger.agent_events_archive (tenant_id, run_id, created_at)
where run_id <> '00000000-0000-0000-0000-000000000000';
create index agent_events_archive_type
on ledger.agent_events_archive (tenant_id, event_type, created_at);
create index agent_events_archive_trace
on ledger.agent_events_archive using brin (trace_id uuid_bloom_ops)
with (pages_per_range = 32, autosummarize = on);
create index agent_events_archive_xact on ledger.agent_events_archive (xact_id);

comment on table ledger.agent_events_archive is
  'Partitions that left agent_events, unchanged. Reads span both.';

-- from sql/event/event_private.sql
-- What must be erasable stands here; the event commits to it by private_hash. The only event data
-- that may ever be deleted.
create table ledger.event_private (
  tenant_id text collate "C" not null,
  event_id uuid not null,
  subject_id text,
  salt bytea not null check (octet_length(salt) = 32),
  private jsonb not null,
  primary key (tenant_id, event_id)
);

create index event_private_subject on ledger.event_private (tenant_id, subject_id)
where subject_id is not null;

-- Statistics hold samples of the values, which an erasure would leave behind.
alter table ledger.event_private
alter column subject_id set statistics 0,
alter column salt set statistics 0,
alter column private set statistics 0;

comment on table ledger.event_private is
  'Private data of events and its salt. SHA-256("agent-events/private/v1" 0x00 || salt || '
  'private::text) = the event''s private_hash.';
comment on column ledger.event_private.subject_id is
  'The person the data is about, for subject reports and erasure.';

-- from sql/privacy/legal_holds.sql
-- What may not be erased or dropped, and until when. Placed with place_hold(), ended with
-- release_hold(), which writes the last three columns once; a row is never deleted. The columns of
-- the scope narrow it down together; with none of them the hold covers the whole tenant.
create table ledger.legal_holds (
  tenant_id text collate "C" not null,
  id uuid not null,
  aggregate_type text collate "C",
  aggregate_id text collate "C",
  correlation_id uuid,
  subject_id text,
  from_time timestamptz,
  to_time timestamptz,
  reason text not null,
  placed_by name not null,
  placed_at timestamptz not null,
  until_time timestamptz,
  released_at timestamptz,
  released_by name,
  release_reason text,
  primary key (tenant_id, id),
  check ((aggregate_type is null) = (aggregate_id is null)),
  check (from_time < to_time),
  check (num_nulls(released_at, released_by, release_reason) in (0, 3))
);

comment on table ledger.legal_holds is
  'Legal holds, past ones included: what they cover may not be erased or dropped (LG008). See '
  'ledger.active_holds for those that bind now.';
comment on column ledger.legal_holds.subject_id is
  'Covers events with private data about this person.';
comment on column ledger.legal_holds.from_time is 'Covers events created at this time or later.';
comment on column ledger.legal_holds.to_time is 'Covers events created before this time.';
comment on column ledger.legal_holds.until_time is
  'From then on the hold binds no more; NULL = until it is released.';

-- from sql/privacy/erasures.sql
-- Which private data was erased by which erasure: who, why and how many stand in the event
-- ledger.private_erased whose id erasure_id is. A table beside that event, because doctor() and
-- subject_report() look an erasure up by event and by person, which payloads have no index for. The
-- person is kept as a hash: the record of an erasure must not name whom it erased.
create table ledger.erasures (
  tenant_id text collate "C" not null,
  event_id uuid not null,
  erasure_id uuid not null,
  private_hash bytea not null,
  subject_hash bytea,
  erased_at timestamptz not null,
  primary key (tenant_id, event_id, erasure_id)
);

create index erasures_erasure on ledger.erasures (tenant_id, erasure_id);
create index erasures_subject on ledger.erasures (tenant_id, subject_hash)
where subject_hash is not null;

comment on table ledger.erasures is
  'One row per event whose private data was erased. The event ledger.private_erased with the id '
  'erasure_id says who did it and why.';
comment on column ledger.erasures.private_hash is
  'Commitment to what was erased; the event keeps the same.';
comment on column ledger.erasures.subject_hash is
  'ledger.subject_hash() of the person that the data was about.';

-- from sql/event/streams.sql
-- The head of each stream: one UPDATE here locks the stream and yields sequence, prev_hash and hash
-- at once. Half-empty pages keep those updates HOT. A stream whose first event is still being
-- written is at sequence 0.
create table ledger.streams (
  tenant_id text collate "C" not null,
  aggregate_type text collate "C" not null,
  aggregate_id text collate "C" not null,
  sequence bigint not null,
  created_at timestamptz not null,
  hash bytea,
  prev_hash bytea,
  primary key (tenant_id, aggregate_type, aggregate_id)
) with (fillfactor = 50);

comment on column ledger.streams.prev_hash is
  'hash before the last event: what that event carries as prev_hash.';
comment on table ledger.streams is
  'Head of each stream: sequence, created_at and hash of its last event.';

-- from sql/event/idempotency_keys.sql
create table ledger.idempotency_keys (
  tenant_id text collate "C" not null,
  key text collate "C" not null check (length(key) between 1 and 255),
  event_id uuid not null,
  created_at timestamptz not null,
  primary key (tenant_id, key)
);

create index idempotency_keys_created_at on ledger.idempotency_keys (tenant_id, created_at);

comment on table ledger.idempotency_keys is
  'Which event an idempotency key stands for; a retry with the same key gets that event''s '
  'receipt.';

-- from sql/event/receipt.sql
-- What emit_event() and emit_events() return.
create type ledger.receipt as (
  id uuid,
  created_at timestamptz,
  sequence bigint,
  hash bytea,
  duplicate boolean
);

comment on type ledger.receipt is
  'Receipt of an event. Kept outside the database it proves what was stored, even against a change '
  'made before the log was sealed.';

-- from sql/event/event_input.sql
-- An element of emit_events(): the parameters of emit_event() but for tenant_id, which is one for
-- the batch.
create type ledger.event_input as (
  event_type text,
  payload jsonb,
  run_id uuid,
  trace_id uuid,
  correlation_id uuid,
  causation_id uuid,
  schema_version int,
  deal_id uuid,
  action_id uuid,
  aggregate_type text,
  aggregate_id text,
  expected_sequence bigint,
  actor_type text,
  actor_id text,
  outcome text,
  proof jsonb,
  metadata jsonb,
  private jsonb,
  subject_id text,
  occurred_at timestamptz,
  idempotency_key text,
  publish boolean,
  headers jsonb
);

comment on type ledger.event_input is
  'An element of the array that ledger.emit_events() takes: the parameters of '
  'ledger.emit_event() but for tenant_id.';

-- from sql/event/uuid_v7.sql
-- A UUIDv7 whose time is exact to the microsecond: 48 bits of milliseconds, then the fraction of
-- the millisecond in the 12 bits of rand_a (RFC 9562, section 6.2, method 3). Seconds * 65536000
-- are milliseconds with 16 binary digits behind the point: as 16 hex digits, the first 15 are what
-- we want. The version goes between them; the variant and the rest come from a random UUID.
--
-- The planner inlines it (STABLE, not STRICT, each argument used once), and every function in it
-- costs each emit about 3,000 instructions: hence digits, not bits.
create or replace function ledger.uuid_v7(created_at timestamptz, random uuid)
returns uuid
language sql
stable
parallel safe
return overlay(
  overlay(
    encode(int8send(floor(extract(epoch from created_at) * 65536000)::bigint), 'hex'), '7', 13, 0
  ),
  substr(random::text, 20),
  17
)::uuid;

comment on function ledger.uuid_v7(timestamptz, uuid) is
  'UUIDv7 for that time (1970 or later) and a random UUID (version 4): what event_id() returns, as '
  'an expression that the planner inlines.';

-- from sql/event/event_id.sql
-- The id of an event is a UUIDv7 whose time is created_at to the microsecond. uuid_v7() as a call:
-- IMMUTABLE, and cheap where an expression holds it but rarely gets there. No SET clause (0.2 to
-- 1.4 us; it only uses built-ins and runs with the rights of its caller).
create or replace function ledger.event_id(created_at timestamptz, random uuid)
returns uuid
language plpgsql
immutable
strict
parallel safe
as $$
begin
  return ledger.uuid_v7(created_at, random);
end
$$;

comment on function ledger.event_id(timestamptz, uuid) is
  'UUIDv7 for that time (1970 or later) and a random UUID (version 4); event_time() reads the '
  'time back.';

-- from sql/event/event_time.sql
-- The created_at inside an event id: the inverse of event_id(), exact to the microsecond. It is
-- what lets a lookup by id go to one partition.
create or replace function ledger.event_time(id uuid)
returns timestamptz
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_bits bigint := ('x' || translate(left(id::text, 18), '-', ''))::bit(64)::bigint;
  v_milliseconds bigint := (v_bits >> 16) & 281474976710655;
  v_fraction bigint := v_bits & 4095;
begin
  if substr(id::text, 15, 1) <> '7' or substr(id::text, 20, 1) not in ('8', '9', 'a', 'b') then
    return null;
  end if;

  return timestamptz '1970-01-01 00:00:00Z'
    + (v_milliseconds * 1000 + ((v_fraction * 1000 + 4095) >> 12)) * interval '1 microsecond';
end
$$;

comment on function ledger.event_time(uuid) is
  'created_at of the event with that id, to the microsecond; NULL for a UUID that is no version 7.';

-- from sql/event/event_entry.sql
-- 0x00 and the entry of the format agent-events/leaf/v1 (docs/leaf-format.md) up to and without its
-- last field, prev_hash: each field is an int32be length and its bytes, NULL is length -1.
-- array_send() writes exactly that after a 20-byte header. Every argument is used once and the body
-- is one expression, so the planner inlines it.
create or replace function ledger.event_entry(
  tenant_id text, id uuid, created_at timestamptz, run_id uuid, trace_id uuid, correlation_id uuid,
  causation_id uuid, event_type text, schema_version int, payload text, deal_id uuid,
  action_id uuid, aggregate_type text, aggregate_id text, sequence bigint, actor_type text,
  actor_id text, outcome text, proof jsonb, metadata jsonb, occurred_at timestamptz,
  private_hash bytea
)
returns bytea
language sql
stable
parallel safe
return '\x006167656e742d6576656e74732f6c6561662f7631000017'::bytea || substr(array_send(array[
  convert_to(tenant_id, 'UTF8'), uuid_send(id), timestamptz_send(created_at), uuid_send(run_id),
  uuid_send(trace_id), uuid_send(correlation_id), uuid_send(causation_id),
  convert_to(event_type, 'UTF8'), int4send(schema_version), convert_to(payload, 'UTF8'),
  uuid_send(deal_id), uuid_send(action_id), convert_to(aggregate_type, 'UTF8'),
  convert_to(aggregate_id, 'UTF8'), int8send(sequence), convert_to(actor_type, 'UTF8'),
  convert_to(actor_id, 'UTF8'), convert_to(outcome, 'UTF8'), convert_to(proof::text, 'UTF8'),
  convert_to(metadata::text, 'UTF8'), timestamptz_send(occurred_at), private_hash
]), 21);

comment on function ledger.event_entry(
  text, uuid, timestamptz, uuid, uuid, uuid, uuid, text, int, text, uuid, uuid, text, text, bigint,
  text, text, text, jsonb, jsonb, timestamptz, bytea
) is
  'What is hashed of an event (format agent-events/leaf/v1) but for its last field: event_hash() '
  'adds prev_hash.';

-- from sql/event/event_hash.sql
-- The hash of an event: its link in the stream's chain and its leaf in the tenant's Merkle tree.
-- Inlined by the planner.
create or replace function ledger.event_hash(entry bytea, prev_hash bytea)
returns bytea
language sql
immutable
parallel safe
return sha256(entry || coalesce('\x00000020'::bytea || prev_hash, '\xffffffff'));

comment on function ledger.event_hash(bytea, bytea) is
  'SHA-256 over an event_entry() and the hash of the stream''s previous event (NULL for the '
  'first, and without a stream).';

-- from sql/event/private_hash.sql
create or replace function ledger.private_hash(salt bytea, private jsonb)
returns bytea
language sql
immutable
parallel safe
return sha256(
  '\x6167656e742d6576656e74732f707269766174652f763100'::bytea || salt
  || convert_to(private::text, 'UTF8')
);

comment on function ledger.private_hash(bytea, jsonb) is
  'SHA-256 commitment to private data: "agent-events/private/v1" 0x00, 32 bytes of salt, '
  'private::text as UTF-8.';

-- from sql/event/is_proof.sql
-- {type: screenshot | api_response | hash | url | none, data, url, hash, capturedAt}: nothing else.
-- Inlined by the planner.
create or replace function ledger.is_proof(proof jsonb)
returns boolean
language sql
immutable
parallel safe
return jsonb_typeof(proof) = 'object'
  and proof - array['type', 'data', 'url', 'hash', 'capturedAt'] = '{}'
  and coalesce(
    proof @@ 'strict $.type == "screenshot" || $.type == "api_response" || $.type == "hash"
      || $.type == "url" || $.type == "none"',
    false
  )
  and coalesce(jsonb_typeof(proof -> 'url') in ('string', 'null'), true)
  and coalesce(jsonb_typeof(proof -> 'hash') in ('string', 'null'), true)
  and coalesce(jsonb_typeof(proof -> 'capturedAt') in ('string', 'null'), true);

comment on function ledger.is_proof(jsonb) is
  'Whether a proof has the form {"type": "screenshot|api_response|hash|url|none", "data": any, '
  '"url": text, "hash": text, "capturedAt": text}.';

-- from sql/event/arguments_hold.sql
-- The rules of an event's own fields, as one expression that the planner inlines into emit_event's
-- and emit_events' one lookup; refuse_arguments() names the one that is broken.
create or replace function ledger.arguments_hold(
  payload jsonb, aggregate_type text, aggregate_id text, expected_sequence bigint,
  actor_type text, actor_id text, outcome text, proof jsonb, metadata jsonb, private jsonb,
  subject_id text, occurred_at timestamptz, idempotency_key text, headers jsonb
)
returns boolean
language sql
stable
parallel safe
return jsonb_typeof(payload) = 'object'
  and pg_column_size(payload) <= 8388608
  and case
    when aggregate_type is null then aggregate_id is null and expected_sequence is null
    else coalesce(
      length(aggregate_type) between 1 and 255 and length(aggregate_id) between 1 and 255, false
    )
  end
  and coalesce(actor_type in ('user', 'agent', 'system', 'webhook'), true)
  and coalesce(length(actor_id) between 1 and 255, true)
  and coalesce(outcome in ('success', 'failure', 'partial', 'pending'), true)
  and (proof is null or (pg_column_size(proof) <= 8388608 and ledger.is_proof(proof)))
  and coalesce(jsonb_typeof(metadata) = 'object' and pg_column_size(metadata) <= 8388608, true)
  and coalesce(
    jsonb_typeof(private) = 'object'
    and not private ? 'payload'
    and pg_column_size(private) <= 8388608,
    true
  )
  and coalesce(length(subject_id) between 1 and 255, true)
  and coalesce(isfinite(occurred_at), true)
  and coalesce(length(idempotency_key) between 1 and 255, true)
  and coalesce(jsonb_typeof(headers) = 'object' and pg_column_size(headers) <= 1048576, true);

comment on function ledger.arguments_hold(
  jsonb, text, text, bigint, text, text, text, jsonb, jsonb, jsonb, text, timestamptz, text, jsonb
) is
  'Whether the arguments of emit_event() keep the rules for an event''s own fields.';

-- from sql/event/refuse_arguments.sql
-- Names the rule of arguments_hold() that an event breaks (LG009); returns when none is broken.
create or replace function ledger.refuse_arguments(
  payload jsonb, aggregate_type text, aggregate_id text, expected_sequence bigint,
  actor_type text, actor_id text, outcome text, proof jsonb, metadata jsonb, private jsonb,
  subject_id text, occurred_at timestamptz, idempotency_key text, headers jsonb
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := case
    when jsonb_typeof(payload) is distinct from 'object' then 'payload must be a JSON object'
    when pg_column_size(payload) > 8388608 then 'payload is larger than 8 MiB'
    when (aggregate_type is null) <> (aggregate_id is null) then
      'aggregate_type and aggregate_id go together'
    when length(aggregate_type) not between 1 and 255
      then 'aggregate_type must have 1 to 255 characters'
    when length(aggregate_id) not between 1 and 255 then
      'aggregate_id must have 1 to 255 characters'
    when expected_sequence is not null and aggregate_type is null then
      'expected_sequence needs an aggregate'
    when actor_type not in ('user', 'agent', 'system', 'webhook') then
      format('actor_type is %L, not user, agent, system or webhook', left(actor_type, 100))
    when length(actor_id) not between 1 and 255 then 'actor_id must have 1 to 255 characters'
    when outcome not in ('success', 'failure', 'partial', 'pending') then
      format('outcome is %L, not success, failure, partial or pending', left(outcome, 100))
    when pg_column_size(proof) > 8388608 then 'proof is larger than 8 MiB'
    when proof is not null and not ledger.is_proof(proof) then
      'proof must be {"type": "screenshot|api_response|hash|url|none", "data", "url", "hash", '
      '"capturedAt"} and nothing else'
    when jsonb_typeof(metadata) <> 'object' then 'metadata must be a JSON object'
    when pg_column_size(metadata) > 8388608 then 'metadata is larger than 8 MiB'
    when jsonb_typeof(private) <> 'object' then 'private must be a JSON object'
    when private ? 'payload' then
      'private must have no key "payload": private fields of the payload stand there'
    when pg_column_size(private) > 8388608 then 'private is larger than 8 MiB'
    when length(subject_id) not between 1 and 255 then 'subject_id must have 1 to 255 characters'
    when not isfinite(occurred_at) then 'occurred_at must be a finite time'
    when length(idempotency_key) not between 1 and 255 then
      'idempotency_key must have 1 to 255 characters'
    when jsonb_typeof(headers) <> 'object' then 'headers must be a JSON object'
    when pg_column_size(headers) > 1048576 then 'headers are larger than 1 MiB'
  end;
begin
  if v_reason is not null then
    raise exception using
      errcode = 'LG009',
      message = v_reason,
      hint = 'See comment on function ledger.emit_event for what each argument takes.';
  end if;
end
$$;

comment on function ledger.refuse_arguments(
  jsonb, text, text, bigint, text, text, text, jsonb, jsonb, jsonb, text, timestamptz, text, jsonb
) is
  'Part of emit_event(): raises LG009 with the first rule that the arguments break.';

-- from sql/event/events.sql
-- Everything that was ever emitted, wherever it is kept now. Row-level security of the tables
-- decides what a reader sees; the planner looks through the view, so partitions are pruned and
-- orders come from indexes.
create or replace view ledger.events
with (security_barrier = true, security_invoker = true) as
select e.*, 'hot'::text as tier from ledger.agent_events as e  -- noqa: AM04
union all
select e.*, 'archive'::text as tier from ledger.agent_events_archive as e;

comment on view ledger.events is
  'The events that you may read, hot and archived: select * from ledger.events where '
  'aggregate_type = ''deal'' order by created_at desc limit 20.';
comment on column ledger.events.tier is 'Where the event is kept now: hot or archive.';

-- from sql/registry/describe_event.sql
-- One event in a sentence, as its type's summary puts it.
create or replace function ledger.describe_event(event ledger.events)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_summary text;
  v_description text;
begin
  if event.id is null then
    return null;
  end if;
  select t.summary into v_summary
  from ledger.event_types as t
  where t.event_type = event.event_type;
  execute format('select %s from (select ($1).*) as e', ledger.summary_expression(v_summary))
  into v_description
  using event;
  return v_description;
end
$$;

comment on function ledger.describe_event(ledger.events) is
  'An event in a sentence: select e.created_at, ledger.describe_event(e) from ledger.events as e. '
  'The summary is given to ledger.register_event_type(); without one: type, aggregate, actor and '
  'outcome.';

-- from sql/outbox/outbox.sql
-- The message that goes out for an event: written in the same transaction, never updated. Delivery
-- state is kept per relay.
create table ledger.outbox (
  tenant_id text collate "C" not null,
  id uuid not null,
  aggregate_type text collate "C",
  aggregate_id text collate "C",
  event_type varchar(100) collate "C" not null,
  schema_version int not null,
  payload jsonb not null,
  trace_id uuid not null,
  correlation_id uuid not null,
  created_at timestamptz not null,
  headers jsonb,
  primary key (tenant_id, created_at, id)
) partition by range (created_at);

comment on table ledger.outbox is
  'Transactional outbox, append-only: one row per published event, id = the event''s id. CDC '
  'tools may read its inserts.';
comment on column ledger.outbox.headers is
  'Message headers as the caller gave them, e.g. {"traceparent": "..."}; not hashed.';

-- from sql/outbox/outbox_purges.sql
-- Every drop of a partition of the outbox. The row is what lets the table be dropped: where event
-- triggers guard the ledger, this table (table_id) and no other, in this transaction and no later.
create table ledger.outbox_purges (
  partition_name name primary key,
  purged_at timestamptz not null,
  row_count bigint not null,
  purged_by name not null,
  event_id uuid not null,
  table_id oid not null,
  xact_id xid8 not null default pg_current_xact_id()
);

comment on table ledger.outbox_purges is
  'Every partition of the outbox that was dropped, written by ledger.purge_outbox().';
comment on column ledger.outbox_purges.event_id is
  'The event ledger.outbox_purged of tenant ledger that records it.';
comment on column ledger.outbox_purges.table_id is 'oid of the table that was dropped.';

-- from sql/partition/partitions.sql
-- The manifest: every partition ever made and where it is now.
create table ledger.partitions (
  partition_name name primary key,
  parent_name name not null check (parent_name in ('agent_events', 'outbox')),
  from_time timestamptz not null,
  to_time timestamptz not null check (to_time > from_time),
  tier text not null default 'hot' check (tier in ('hot', 'archive', 'cold', 'dropped')),
  created_at timestamptz not null default clock_timestamp(),
  moved_at timestamptz,
  row_count bigint check (row_count >= 0),
  sealed_snapshot pg_snapshot,
  unique (parent_name, from_time)
);

comment on table ledger.partitions is
  'Every partition ever made: bounds (UTC midnight), and where it is now.';
comment on column ledger.partitions.row_count is
  'Rows in it, counted when it was archived; NULL before.';
comment on column ledger.partitions.sealed_snapshot is
  'While it is being archived: every event in it of a transaction that this snapshot saw is sealed.';

-- from sql/partition/partition_settings.sql
-- One row. covered_from .. covered_until is what partitions exist for without a gap: emit_event
-- reads it instead of trying an insert in a subtransaction.
create table ledger.partition_settings (
  only_row boolean primary key default true check (only_row),
  partition_interval text not null default 'month'
  check (partition_interval in ('day', 'week', 'month')),
  premake int not null default 3 check (premake between 0 and 366),
  covered_from timestamptz not null,
  covered_until timestamptz not null
);

comment on table ledger.partition_settings is
  'How partitions are made (interval, how many ahead) and the time they cover without a gap.';

-- from sql/partition/retention_policy.sql
-- One row: how old events may grow before they leave a tier, counted from the end of their
-- partition, and what consumers processed before it is forgotten. NULL = never, which is where a new
-- ledger begins: nothing moves, nothing is dropped.
create table ledger.retention_policy (
  is_only boolean primary key default true check (is_only),
  hot_for interval check (hot_for >= interval '1 hour'),
  warm_for interval check (warm_for >= interval '1 hour'),
  cold_for interval check (cold_for >= interval '1 hour'),
  outbox_for interval check (outbox_for >= interval '1 hour'),
  inbox_for interval check (inbox_for >= interval '1 hour'),
  archive_tablespace name,
  archive_access_method name,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by name not null default current_user,
  constraint in_order check (
    coalesce(warm_for >= hot_for, true)
    and coalesce(cold_for >= warm_for, true)
    and coalesce(cold_for >= hot_for, true)
  )
);

comment on table ledger.retention_policy is
  'How long events stay hot (agent_events), warm (agent_events_archive) and cold (files), as ages '
  'from the end of their partition; change it with ledger.set_retention().';
comment on column ledger.retention_policy.warm_for is
  'From this age on a partition is due to be exported to a file and dropped.';
comment on column ledger.retention_policy.cold_for is
  'From this age on a file may be deleted.';
comment on column ledger.retention_policy.outbox_for is
  'From this age on a partition of the outbox is dropped, once every relay has delivered it.';
comment on column ledger.retention_policy.archive_tablespace is
  'Where archived partitions are stored; NULL = where they were.';
comment on column ledger.retention_policy.archive_access_method is
  'Table access method of archived partitions, such as columnar; NULL = as they were.';
comment on column ledger.retention_policy.inbox_for is
  'How long the inbox remembers what was processed; a duplicate that arrives later is processed '
  'again. See ledger.purge_inbox().';

-- from sql/partition/initial_settings.sql
-- Monthly partitions, three ahead, none yet: ensure_partitions() makes the first. Change
-- partition_interval at any time; partitions that exist stay as they are.
insert into ledger.partition_settings (covered_from, covered_until)
select date_trunc('month', now(), 'UTC'), date_trunc('month', now(), 'UTC');

insert into ledger.retention_policy default values;

-- from sql/partition/covered_period.sql
-- The time that partitions exist for without a gap, as a constant that the planner folds away:
-- emit_event() compares with it in every call. refresh_coverage() writes it anew, at most once for
-- each partition; until then nothing is covered and emit_event() asks ensure_partition().
create or replace function ledger.covered_period()
returns tstzrange
language sql
immutable
parallel safe
return 'empty'::tstzrange;

comment on function ledger.covered_period() is
  'The time that partitions exist for without a gap; rewritten by ledger.refresh_coverage().';

-- from sql/partition/partition_bounds.sql
-- The partition that a time belongs to: the one there is, else day, week (from Monday) or month as
-- the settings say, cut short where a neighbour made under another interval begins or ends. Always
-- midnight UTC, whatever the session's zone.
create or replace function ledger.partition_bounds(
  at_time timestamptz,
  out from_time timestamptz,
  out to_time timestamptz
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
#variable_conflict use_column
begin
  select p.from_time, p.to_time
  into partition_bounds.from_time, partition_bounds.to_time
  from ledger.partitions as p
  where p.from_time <= partition_bounds.at_time and partition_bounds.at_time < p.to_time
  limit 1;

  if not found then
    select
      greatest(
        date_trunc(s.partition_interval, partition_bounds.at_time),
        (
          select max(p.to_time) from ledger.partitions as p
          where p.to_time <= partition_bounds.at_time
        )
      ),
      least(
        date_trunc(s.partition_interval, partition_bounds.at_time)
        + ('1 ' || s.partition_interval)::interval,
        (
          select min(p.from_time) from ledger.partitions as p
          where p.from_time > partition_bounds.at_time
        )
      )
    into partition_bounds.from_time, partition_bounds.to_time
    from ledger.partition_settings as s;
  end if;
end
$$;

comment on function ledger.partition_bounds(timestamptz) is
  'Bounds of the partition that holds, or would hold, the events of that time.';

-- from sql/partition/create_partition.sql
-- Makes one partition of agent_events or outbox, guarded and entered in the manifest; false when
-- there is one already, which the catalog knows even where the transaction's snapshot is too old to
-- see the manifest. ATTACH of an empty table, not CREATE TABLE ... PARTITION OF: that would lock
-- writers out of the parent. Locks out other partition makers only.
create or replace function ledger.create_partition(
  parent_name name,
  from_time timestamptz,
  to_time timestamptz
)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_name name :=
    create_partition.parent_name || to_char(create_partition.from_time, '"_p"YYYYMMDD');
begin
  if to_regclass(format('ledger.%I', v_name)) is not null then
    return false;
  end if;

  perform ledger_guard.open_window('partition');
  execute format(
    'create table ledger.%I (
      like ledger.%I including defaults including storage including compression
    )',
    v_name, create_partition.parent_name
  );
  perform ledger.protect_table(format('ledger.%I', v_name)::regclass);
  execute format(
    'alter table ledger.%I attach partition ledger.%I for values from (%L) to (%L)',
    create_partition.parent_name, v_name, create_partition.from_time, create_partition.to_time
  );

  insert into ledger.partitions (partition_name, parent_name, from_time, to_time)
  values (
    v_name, create_partition.parent_name, create_partition.from_time, create_partition.to_time
  );
  return true;
end
$$;

comment on function ledger.create_partition(name, timestamptz, timestamptz) is
  'Makes one guarded partition; ensure_partition() and ensure_partitions() call it.';

-- from sql/partition/refresh_coverage.sql
-- Keeps what is called covered: the stretch around now in which both parents have their partitions
-- without a gap. Stands in partition_settings, and as the constant covered_period(), which is free
-- to look at in emit_event().
create or replace function ledger.refresh_coverage()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_covered record;
begin
  with both_hot as (
    select p.from_time, p.to_time
    from ledger.partitions as p
    where p.tier = 'hot'
    group by p.from_time, p.to_time
    having count(*) = 2
  ),
  marked as (
    select
      b.from_time,
      b.to_time,
      coalesce(b.from_time <> lag(b.to_time) over (order by b.from_time), true) as is_first
    from both_hot as b
  ),
  numbered as (
    select
      m.from_time,
      m.to_time,
      count(*) filter (where m.is_first) over (order by m.from_time) as stretch
    from marked as m
  ),
  covered as (
    select
      min(n.from_time) as from_time,
      max(n.to_time) as to_time
    from numbered as n
    group by n.stretch
  )
  select c.from_time, c.to_time into v_covered
  from covered as c
  where c.from_time <= clock_timestamp() and clock_timestamp() < c.to_time;
  if not found or ledger.covered_period() = tstzrange(v_covered.from_time, v_covered.to_time) then
    return;
  end if;

  update ledger.partition_settings as s
  set covered_from = v_covered.from_time, covered_until = v_covered.to_time;
  perform ledger_guard.open_window('partition');
  execute format(
    'create or replace function ledger.covered_period() returns tstzrange language sql immutable '
    'parallel safe return tstzrange(%L::timestamptz, %L::timestamptz)',
    v_covered.from_time, v_covered.to_time
  );
end
$$;

comment on function ledger.refresh_coverage() is
  'Recomputes the covered time from the manifest; whatever makes or moves partitions calls it.';

-- from sql/partition/ensure_partition.sql
-- Makes the partitions of agent_events and outbox that hold a time, unless they are there.
-- emit_event() calls it when its clock leaves what partition_settings says is covered, so it is
-- quick and locks nothing when there is nothing to make. Else it locks the manifest to the end of
-- the transaction: whoever races waits, then finds the partition.
create or replace function ledger.ensure_partition(at_time timestamptz)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_from_time timestamptz;
  v_to_time timestamptz;
  v_tiers text[];
begin
  select array_agg(p.tier) into v_tiers
  from ledger.partitions as p
  where p.from_time <= ensure_partition.at_time and ensure_partition.at_time < p.to_time;
  if v_tiers = '{hot,hot}' then
    return;
  end if;
  if v_tiers && '{archive,cold,dropped}' then
    raise exception using
      errcode = 'LG007',
      message = format('the partition of %s no longer takes events', ensure_partition.at_time),
      detail = 'It was archived or dropped: select * from ledger.partitions.',
      hint = 'created_at is the server''s clock: is it right?';
  end if;
  if ensure_partition.at_time between '1970-01-01' and '2199-12-31' is not true then
    raise exception using
      errcode = 'LG007',
      message = format(
        'no partition can hold events of %s', coalesce(ensure_partition.at_time::text, 'NULL')
      ),
      detail = 'Partitions are made from 1970 up to 2200.',
      hint = 'created_at is the server''s clock: is it right?';
  end if;

  lock table ledger.partitions in share row exclusive mode;
  select b.from_time, b.to_time into v_from_time, v_to_time
  from ledger.partition_bounds(ensure_partition.at_time) as b;
  perform ledger.create_partition('agent_events', v_from_time, v_to_time);
  perform ledger.create_partition('outbox', v_from_time, v_to_time);
  perform ledger.refresh_coverage();
exception when object_in_use then
  raise exception using
    errcode = 'LG007',
    message = format(
      'the partition of %s is missing and cannot be made while the same query reads the events',
      ensure_partition.at_time
    ),
    detail = sqlerrm,
    hint = 'Have ledger.ensure_partitions() run regularly, or emit in a statement of its own.';
end
$$;

comment on function ledger.ensure_partition(timestamptz) is
  'Makes the partitions that hold events of that time, unless they are there; LG007 for a time '
  'that cannot have one.';

-- from sql/partition/ensure_partitions.sql
-- Makes the current partitions and those of as many intervals ahead as partition_settings.premake
-- says, whatever the length of those that are there. Safe at any time and from several sessions;
-- locks out other partition makers, never writers.
create or replace function ledger.ensure_partitions()
returns int
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_time timestamptz := clock_timestamp();
  v_until timestamptz;
  v_count bigint;
begin
  lock table ledger.partitions in share row exclusive mode;
  v_count := (select count(*) from ledger.partitions);
  select v_time + s.premake * ('1 ' || s.partition_interval)::interval into v_until
  from ledger.partition_settings as s;
  while v_time <= v_until loop
    perform ledger.ensure_partition(v_time);
    v_time := (select b.to_time from ledger.partition_bounds(v_time) as b);
  end loop;
  perform ledger.refresh_coverage();
  return (select count(*) from ledger.partitions) - v_count;
end
$$;

comment on function ledger.ensure_partitions() is
  'Makes the current partitions and partition_settings.premake intervals ahead; returns how '
  'many tables were made. Schedule it daily.';

-- from sql/partition/adopt_partitions.sql
-- Takes partitions of agent_events and outbox that another tool attached (pg_partman, a person)
-- into the ledger: guards them, enters them in the manifest, counts what they cover. Taken is what
-- create_partition() could have made: a plain, permanent table of the ledger's owner and schema
-- with the name that its bounds ask for, between two midnights UTC, that nobody has privileges on,
-- without code of its own, and empty, because rows that are there already may be forged: only a
-- superuser takes those. Of any other it says why in a warning, and doctor() goes on reporting it.
-- Locks out other partition makers, and writers of the partitions that it looks at.
create or replace function ledger.adopt_partitions()
returns setof name
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_is_superuser constant boolean := (
    select r.rolsuper from pg_roles as r where r.rolname = ledger.caller()
  );
  c_bounds constant text :=
    '^FOR VALUES FROM \(''([-0-9]+) 00:00:00\+00''\) TO \(''([-0-9]+) 00:00:00\+00''\)$';
  v_new record;
  v_obstacle text;
  v_filled boolean;
begin
  perform ledger.require_tenant('*', 'operate');
  lock table ledger.partitions in share row exclusive mode;

  for v_new in
    select
      c.oid::regclass as target,
      c.relname as partition_name,
      parent.relname as parent_name,
      c.relnamespace = parent.relnamespace as is_in_schema,
      c.relowner = parent.relowner as is_owned,
      c.relkind = 'r' and c.relpersistence = 'p' and not i.inhdetachpending as is_plain,
      exists (
        select from aclexplode(c.relacl) as a where a.grantee <> c.relowner
      ) or exists (
        select from pg_attribute as t where t.attrelid = c.oid and t.attacl is not null
      ) as is_granted,
      (b.bounds[1] || ' UTC')::timestamptz as from_time,
      (b.bounds[2] || ' UTC')::timestamptz as to_time
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    join pg_class as parent on parent.oid = i.inhparent
    cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), c_bounds) as b (bounds)
    where parent.oid in (to_regclass('ledger.agent_events'), to_regclass('ledger.outbox'))
      and not (
        c.relnamespace = parent.relnamespace
        and exists (select from ledger.partitions as p where p.partition_name = c.relname)
      )
    order by from_time, parent_name
  loop
    v_obstacle := case
      when not v_new.is_plain then 'it is not a plain, permanent table'
      when not v_new.is_owned then 'it does not belong to ledger_owner'
      when v_new.from_time is null or v_new.to_time is null
        then 'its bounds are not two midnights UTC'
      when not v_new.is_in_schema
        or v_new.partition_name
        <> v_new.parent_name || to_char(v_new.from_time, '"_p"YYYYMMDD')
        then format(
          'its name is not ledger.%s%s',
          v_new.parent_name, to_char(v_new.from_time, '"_p"YYYYMMDD')
        )
      when v_new.is_granted then 'other roles have privileges on it'
      when exists (
        select from ledger_guard.broken_guards() as b
        where b.target = v_new.target and b.problem like 'foreign%'
      ) then 'it has triggers, rules or code that are not the ledger''s'
      when exists (
        select from ledger.partitions as p
        where p.parent_name = v_new.parent_name
          and p.from_time < v_new.to_time and v_new.from_time < p.to_time
      ) then 'the manifest has another partition for that time'
    end;
    if v_obstacle is null and not v_is_superuser then
      execute format('lock table %s in share row exclusive mode', v_new.target);
      execute format('select exists (select from %s)', v_new.target) into v_filled;
      v_obstacle := case
        when v_filled then 'it is not empty, and only a superuser can judge that'
      end;
    end if;
    if v_obstacle is not null then
      raise warning using
        message = format('partition %s is not adopted: %s', v_new.target, v_obstacle),
        hint = 'select * from ledger.doctor();';
      continue;
    end if;

    perform ledger_guard.open_window('partition');
    perform ledger.protect_table(v_new.target);
    insert into ledger.partitions (partition_name, parent_name, from_time, to_time)
    values (v_new.partition_name, v_new.parent_name, v_new.from_time, v_new.to_time);
    return next v_new.partition_name;
  end loop;

  perform ledger.refresh_coverage();
end
$$;

comment on function ledger.adopt_partitions() is
  'Guards partitions that another tool attached and enters them in the manifest; returns their '
  'names. Warns of those that it leaves to doctor(): not empty, or not as the ledger makes them.';

-- from sql/partition/lock_partition.sql
-- Locks a partition and its parent against everybody, and the parent it is going to against other
-- partition makers, until the transaction ends. Whoever wants the old parent queues behind us, so we
-- wait for it no longer than lock_timeout, and for the others not at all: an attempt that fails
-- (55P03) has held nobody up for longer than that. ONLY: the other partitions stay free.
create or replace function ledger.lock_partition(
  partition_name name,
  old_parent name,
  new_parent name
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
begin
  execute format('lock table only ledger.%I in access exclusive mode', lock_partition.old_parent);
  execute format(
    'lock table only ledger.%I in access exclusive mode nowait', lock_partition.partition_name
  );
  execute format(
    'lock table only ledger.%I in share update exclusive mode nowait', lock_partition.new_parent
  );
end
$$;

comment on function ledger.lock_partition(name, name, name) is
  'Part of moving a partition: takes its locks, or gives up after 100 ms (55P03).';

-- from sql/partition/reattach_partition.sql
-- Takes a partition that lock_partition() has locked from one parent to another, or to other bounds,
-- as a change of the catalog: where a CHECK proves the bounds, no row is read.
create or replace function ledger.reattach_partition(
  partition_name name,
  old_parent name,
  new_parent name,
  from_time timestamptz,
  to_time timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
  execute format(
    'alter table ledger.%I detach partition ledger.%I',
    reattach_partition.old_parent, reattach_partition.partition_name
  );
  execute format(
    'alter table ledger.%I attach partition ledger.%I for values from (%L) to (%L)',
    reattach_partition.new_parent, reattach_partition.partition_name,
    reattach_partition.from_time, reattach_partition.to_time
  );
end
$$;

comment on function ledger.reattach_partition(name, name, name, timestamptz, timestamptz) is
  'Part of moving a partition: DETACH and ATTACH in one transaction.';

-- from sql/partition/shorten_partition.sql
-- Cuts a partition that is still to come down to an earlier end; leaves one alone that holds rows
-- (of a clock that runs ahead).
create or replace function ledger.shorten_partition(
  partition_name name,
  parent_name name,
  from_time timestamptz,
  to_time timestamptz
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.lock_partition(
    shorten_partition.partition_name, shorten_partition.parent_name, shorten_partition.parent_name
  );
  if pg_relation_size(format('ledger.%I', shorten_partition.partition_name)::regclass) > 0 then
    return;
  end if;
  perform ledger.reattach_partition(
    shorten_partition.partition_name, shorten_partition.parent_name,
    shorten_partition.parent_name, shorten_partition.from_time, shorten_partition.to_time
  );
  update ledger.partitions as p
  set to_time = shorten_partition.to_time
  where p.partition_name = shorten_partition.partition_name;
end
$$;

comment on function ledger.shorten_partition(name, name, timestamptz, timestamptz) is
  'Part of change_partition_interval(): gives an empty partition an earlier end.';

-- from sql/partition/change_partition_interval.sql
-- Changes the interval in the settings and cuts down to it what was made ahead, is still to come and
-- is empty. Locks emitters out for some milliseconds per partition that is cut down; gives up (55P03)
-- when a reader holds the tables for longer than 100 ms.
create or replace function ledger.change_partition_interval(
  partition_interval text,
  premake int default null
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_partition record;
begin
  perform ledger.require_tenant('*', 'operate');
  if change_partition_interval.partition_interval = any('{day,week,month}') is not true
    or change_partition_interval.premake not between 0 and 366
  then
    raise exception using
      errcode = 'LG009',
      message = format(
        'partitions of a %L, %s ahead, cannot be made',
        change_partition_interval.partition_interval,
        coalesce(change_partition_interval.premake::text, 'as many as before')
      ),
      hint = 'partition_interval is day, week or month; premake is from 0 to 366.';
  end if;

  lock table ledger.partitions in share row exclusive mode;
  update ledger.partition_settings as s
  set
    partition_interval = change_partition_interval.partition_interval,
    premake = coalesce(change_partition_interval.premake, s.premake);

  perform ledger_guard.open_window('partition');
  for v_partition in
    select p.partition_name, p.parent_name, p.from_time, c.to_time
    from ledger.partitions as p
    cross join lateral (
      select date_trunc(change_partition_interval.partition_interval, p.from_time)
        + ('1 ' || change_partition_interval.partition_interval)::interval as to_time
    ) as c
    where p.tier = 'hot' and p.from_time > clock_timestamp() and c.to_time < p.to_time
    order by p.parent_name, p.from_time
  loop
    perform ledger.shorten_partition(
      v_partition.partition_name, v_partition.parent_name, v_partition.from_time,
      v_partition.to_time
    );
  end loop;
  perform ledger.refresh_coverage();
end
$$;

comment on function ledger.change_partition_interval(text, int) is
  'Part of ledger.set_partition_interval(): the settings, and the partitions still to come.';

-- from sql/partition/set_partition_interval.sql
-- Changes the length of the partitions that are made from now on, and how many are made ahead. A
-- shorter interval holds from the next partition on, a longer one when those that exist are used up.
-- Locks emitters out for some milliseconds per partition made ahead; when a reader holds the tables
-- for longer than 100 ms it gives up (55P03): call it again. Commits, so call it outside a
-- transaction.
create or replace procedure ledger.set_partition_interval(
  partition_interval text,
  premake int default null
)
language plpgsql
as $$
begin
  perform ledger.change_partition_interval(
    set_partition_interval.partition_interval, set_partition_interval.premake
  );
  commit;
  perform ledger.ensure_partitions();
end
$$;

comment on procedure ledger.set_partition_interval is
  'Sets the interval (day, week, month) of the partitions made from now on and how many are made '
  'ahead (premake, 0 to 366; NULL = as before). Not inside a transaction. For operators of every '
  'tenant.';

-- from sql/partition/set_retention.sql
-- Sets the retention policy, all of it: what is not given is NULL, for ever. Moves nothing by
-- itself; ledger.maintain() archives and purges what is due, `agent-events cold` exports and drops.
create or replace function ledger.set_retention(
  hot_for interval default null,
  warm_for interval default null,
  cold_for interval default null,
  archive_tablespace name default null,
  archive_access_method name default null,
  outbox_for interval default null,
  inbox_for interval default null
)
returns ledger.retention_policy
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_policy ledger.retention_policy;
begin
  perform ledger.require_tenant('*', 'operate');
  if not exists (
    select from pg_tablespace as t
    where t.spcname = coalesce(set_retention.archive_tablespace, 'pg_default')
  ) then
    raise exception using
      errcode = 'LG009',
      message = format('tablespace %I does not exist', set_retention.archive_tablespace),
      hint = 'create tablespace ...; grant create on tablespace ... to ledger_owner;';
  elsif not exists (
    select from pg_am as a
    where a.amname = coalesce(set_retention.archive_access_method, 'heap') and a.amtype = 't'
  ) then
    raise exception using
      errcode = 'LG009',
      message = format(
        '%I is no table access method of this database', set_retention.archive_access_method
      ),
      hint = 'select amname from pg_am where amtype = ''t'';';
  end if;

  update ledger.retention_policy as p
  set
    hot_for = set_retention.hot_for,
    warm_for = set_retention.warm_for,
    cold_for = set_retention.cold_for,
    outbox_for = set_retention.outbox_for,
    archive_tablespace = set_retention.archive_tablespace,
    archive_access_method = set_retention.archive_access_method,
    changed_at = clock_timestamp(),
    changed_by = ledger.caller(),
    inbox_for = set_retention.inbox_for
  returning p.* into v_policy;
  return v_policy;
exception when check_violation then
  raise exception using
    errcode = 'LG009',
    message = 'the retention policy is out of order',
    detail = 'hot_for <= warm_for <= cold_for, all ages an hour at least; those of partitions count '
      'from their end.',
    hint = 'select ledger.set_retention(hot_for => ''7 days'', warm_for => ''30 days'', '
      'cold_for => ''365 days'');';
end
$$;

comment on function ledger.set_retention is
  'Sets how long events stay hot, warm and cold, as ages from the end of their partition (NULL = '
  'for ever), where archived partitions are stored, and how long the outbox keeps messages and the '
  'inbox remembers what was processed. For operators of every tenant.';

-- from sql/partition/tablespace_of.sql
-- The tablespace that a table or index is stored in, by name.
create or replace function ledger.tablespace_of(target regclass)
returns name
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select t.spcname
  from pg_class as c
  join pg_database as d on d.datname = current_database()
  join pg_tablespace as t on t.oid = coalesce(nullif(c.reltablespace, 0), d.dattablespace)
  where c.oid = tablespace_of.target
$$;

comment on function ledger.tablespace_of(regclass) is
  'Name of the tablespace of a table or index; NULL when there is no such relation.';

-- from sql/partition/access_method_of.sql
-- The access method of a table, by name.
create or replace function ledger.access_method_of(target regclass)
returns name
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select a.amname
  from pg_class as c
  join pg_am as a on a.oid = c.relam
  where c.oid = access_method_of.target
$$;

comment on function ledger.access_method_of(regclass) is
  'Name of the access method of a table; NULL when there is no such table.';

-- from sql/partition/partition_status.sql
-- The manifest as an operator wants to see it: how old, how large, where, and what is due.
create or replace view ledger.partition_status as
select
  p.partition_name,
  p.parent_name,
  p.tier,
  p.from_time,
  p.to_time,
  greatest(now() - p.to_time, interval '0') as age,
  coalesce(p.row_count, nullif(c.reltuples, -1)::bigint) as row_count,
  p.row_count is not null as is_counted,
  pg_catalog.pg_total_relation_size(c.oid) as bytes,
  ledger.tablespace_of(c.oid) as tablespace,
  ledger.access_method_of(c.oid) as access_method,
  p.moved_at,
  case
    when p.to_time > now() - interval '1 hour' then null
    when p.parent_name = 'outbox' then case
        when p.tier = 'hot' and p.to_time <= now() - r.outbox_for then 'purge'
      end
    when p.tier = 'hot' and p.to_time <= now() - least(r.hot_for, r.warm_for) then 'archive'
    when p.tier = 'archive' and p.to_time <= now() - r.warm_for then 'cold'
    when p.tier = 'cold' and p.to_time <= now() - r.cold_for then 'expire'
    when p.tier = 'archive'
      and (
        ledger.tablespace_of(c.oid) <> r.archive_tablespace
        or ledger.access_method_of(c.oid) <> r.archive_access_method
      )
      then 'relocate'
  end as due
from ledger.partitions as p
cross join ledger.retention_policy as r
left join pg_catalog.pg_class as c
  on c.oid = pg_catalog.to_regclass('ledger.' || pg_catalog.quote_ident(p.partition_name));

comment on view ledger.partition_status is
  'Every partition ever made: tier, bounds, age since its end, rows, bytes, and what is due by the '
  'retention policy (archive, relocate, cold, expire, purge): select * from ledger.partition_status '
  'order by from_time, parent_name;';
comment on column ledger.partition_status.row_count is
  'Counted when archived (is_counted), else the planner''s estimate.';
comment on column ledger.partition_status.bytes is
  'With indexes and TOAST; NULL when it is not in the database.';

-- from sql/partition/find_partition.sql
-- The manifest's row of a partition of agent_events, locked until the transaction ends: whoever
-- moves, exports or drops the same partition waits.
create or replace function ledger.find_partition(partition_name name)
returns ledger.partitions
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition ledger.partitions;
begin
  select p.* into v_partition
  from ledger.partitions as p
  where p.partition_name = find_partition.partition_name and p.parent_name = 'agent_events'
  for update;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format(
        '%s is no partition of ledger.agent_events',
        coalesce(quote_literal(find_partition.partition_name), 'NULL')
      ),
      hint = 'select * from ledger.partition_status where parent_name = ''agent_events'';';
  end if;
  return v_partition;
end
$$;

comment on function ledger.find_partition(name) is
  'The manifest''s row of a partition of agent_events, locked; LG009 for anything else.';

-- from sql/cold/cold_files.sql
-- The files that partitions were exported to, as they were when they had been written and read
-- back. A partition may be exported more than once; drop_cold() says which file it was dropped for.
create table ledger.cold_files (
  partition_name name not null,
  file_sha256 bytea not null,
  file_name text not null,
  file_bytes bigint not null,
  row_count bigint not null,
  tenants jsonb not null,
  exported_by name not null,
  exported_at timestamptz not null,
  primary key (partition_name, file_sha256)
);

comment on table ledger.cold_files is
  'Every file that a partition was exported to, written by ledger.record_cold_file().';
comment on column ledger.cold_files.tenants is
  'What it holds: {"acme": {"row_count": 3, "ranges": [[0, 1], [5, 5]], "root": "<64 hex>"}}. '
  'ranges: first and last position, both included; root: RFC 6962 tree hash over these events.';

-- from sql/cold/cold_drops.sql
-- Every drop of a partition into its file. The row is what lets the table be dropped: where event
-- triggers guard the ledger, this table (table_id) and no other, in this transaction and no later.
create table ledger.cold_drops (
  partition_name name not null,
  dropped_at timestamptz not null,
  file_sha256 bytea not null,
  row_count bigint not null,
  dropped_by name not null,
  event_id uuid not null,
  table_id oid not null,
  xact_id xid8 not null default pg_current_xact_id(),
  primary key (partition_name, dropped_at)
);

comment on table ledger.cold_drops is
  'Every drop of a partition whose events are in a cold file, written by ledger.drop_cold().';
comment on column ledger.cold_drops.event_id is
  'The event ledger.partition_dropped of tenant ledger that records it.';
comment on column ledger.cold_drops.table_id is 'oid of the table that was dropped.';

-- from sql/cold/cold_ranges.sql
-- Whose events, at which positions of its log, went with a dropped partition: what verify() does
-- not miss. Per tenant, so that each reads its own.
create table ledger.cold_ranges (
  tenant_id text collate "C" not null,
  partition_name name not null,
  file_sha256 bytea not null,
  row_count bigint not null,
  positions int8multirange not null,
  root bytea not null,
  primary key (tenant_id, partition_name, file_sha256)
);

comment on table ledger.cold_ranges is
  'The positions of a tenant''s events in each partition that was dropped into a cold file, and '
  'the RFC 6962 tree hash over them. ledger.partitions says whether it still is.';

-- from sql/run/ensure_tenant.sql
-- Makes the tenant and its ambient run (nil UUID), unless they are there. Called with the tenant's
-- first event, run or policy; whoever may do those was checked before.
create or replace function ledger.ensure_tenant(tenant_id text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  c_no_run constant uuid := uuid '00000000-0000-0000-0000-000000000000';
begin
  if ensure_tenant.tenant_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        '%s is no tenant id', coalesce(quote_literal(left(ensure_tenant.tenant_id, 100)), 'NULL')
      ),
      hint = 'Use 1 to 63 letters, digits, ".", "_" or "-", beginning with a letter or digit.';
  end if;

  insert into ledger.tenants (tenant_id)
  values (ensure_tenant.tenant_id)
  on conflict do nothing;

  insert into ledger.agent_runs (tenant_id, id, agent_name, started_at)
  values (ensure_tenant.tenant_id, c_no_run, 'ambient', clock_timestamp())
  on conflict do nothing;
end
$$;

comment on function ledger.ensure_tenant(text) is
  'Makes a tenant and its ambient run, unless they are there; LG009 for what is no tenant id.';

-- from sql/event/require_run.sql
-- The run of an event, which must exist; NULL is the tenant's ambient run (nil UUID), made by the
-- tenant's first event.
create or replace function ledger.require_run(tenant_id text, run_id uuid)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  c_no_run constant uuid := uuid '00000000-0000-0000-0000-000000000000';
begin
  if coalesce(require_run.run_id, c_no_run) = c_no_run then
    perform ledger.ensure_tenant(require_run.tenant_id);
    return c_no_run;
  end if;
  if not exists (
    select
    from ledger.agent_runs as r
    where r.tenant_id = require_run.tenant_id and r.id = require_run.run_id
  ) then
    raise exception using
      errcode = 'LG006',
      message = format(
        'run %s does not exist for tenant %s', require_run.run_id, require_run.tenant_id
      ),
      hint = 'Start it first with ledger.start_run(), or leave run_id out for the ambient run.';
  end if;
  return require_run.run_id;
end
$$;

comment on function ledger.require_run(text, uuid) is
  'Part of emit_event(): the run, LG006 when there is none; NULL makes the ambient run if need be.';

-- from sql/event/require_own_type.sql
-- What happened to the ledger, only those can say who operate or audit it. A reader can say of
-- itself that it exports, and that is all that begin_export() and finish_export() say for it.
create or replace function ledger.require_own_type(
  event_type text,
  payload jsonb,
  tenant_id text
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if event_type in ('ledger.export_started', 'ledger.export_created')
    and payload ->> 'exported_by' = ledger.caller()
    and payload -> 'is_redacted' = 'true'
  then
    perform ledger.require_any(tenant_id, '{read,operate,audit,privacy}');
  else
    perform ledger.require_any(tenant_id, '{operate,audit,privacy}');
  end if;
end
$$;

comment on function ledger.require_own_type(text, jsonb, text) is
  'Part of prepare_event(): LG005 unless the caller may emit that event of the ledger''s own.';

-- from sql/event/prepare_event.sql
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
    perform ledger.require_own_type(event_type, payload, tenant_id);
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

-- from sql/event/correlation_of.sql
-- The correlation of an event, wherever it is kept; NULL when there is no such event.
create or replace function ledger.correlation_of(tenant_id text, event_id uuid)
returns uuid
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select e.correlation_id
  from ledger.events as e
  where e.tenant_id = correlation_of.tenant_id
    and e.created_at = ledger.event_time(correlation_of.event_id)
    and e.id = correlation_of.event_id;
end;

comment on function ledger.correlation_of(text, uuid) is
  'Part of emit_event(): the correlation that an event takes over from its cause.';

-- from sql/event/find_receipt.sql
-- The receipt that an idempotency key already stands for; NULL when the key is new. Locks the key
-- until the transaction ends, so that two transactions with one key come one after the other.
create or replace function ledger.find_receipt(
  tenant_id text,
  idempotency_key text,
  event_type text
)
returns ledger.receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_receipt ledger.receipt;
  v_event_type text;
begin
  perform pg_advisory_xact_lock(
    hashtextextended(find_receipt.tenant_id || ' ' || find_receipt.idempotency_key, 7305)
  );
  select e.id, e.created_at, e.sequence, e.hash, true, e.event_type
  into
    v_receipt.id, v_receipt.created_at, v_receipt.sequence, v_receipt.hash, v_receipt.duplicate,
    v_event_type
  from ledger.idempotency_keys as k
  join ledger.events as e
    on e.tenant_id = k.tenant_id and e.created_at = k.created_at and e.id = k.event_id
  where k.tenant_id = find_receipt.tenant_id and k.key = find_receipt.idempotency_key;
  if v_event_type <> find_receipt.event_type then
    raise exception using
      errcode = 'LG009',
      message = format(
        'idempotency key %L already stands for an event of type %s',
        find_receipt.idempotency_key, v_event_type
      ),
      detail = format('event %s', v_receipt.id),
      hint = 'Use one key per event, for instance the id of the request together with the type.';
  end if;
  return v_receipt;
end
$$;

comment on function ledger.find_receipt(text, text, text) is
  'Part of emit_event(): the receipt that an idempotency key already stands for; NULL when none.';

-- from sql/event/keep_receipt.sql
-- find_receipt() holds the key's lock and saw no such key, so a conflict means an older snapshot
-- (REPEATABLE READ) that cannot see the other transaction's event.
create or replace function ledger.keep_receipt(
  tenant_id text,
  idempotency_key text,
  id uuid,
  created_at timestamptz
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into ledger.idempotency_keys (tenant_id, key, event_id, created_at)
  values (
    keep_receipt.tenant_id,
    keep_receipt.idempotency_key,
    keep_receipt.id,
    keep_receipt.created_at
  )
  on conflict do nothing;
  if not found then
    raise exception using
      errcode = 'serialization_failure',
      message = format(
        'idempotency key %L was used by a transaction that this one cannot see',
        keep_receipt.idempotency_key
      ),
      hint = 'Roll back and run the transaction again.';
  end if;
end
$$;

comment on function ledger.keep_receipt(text, text, uuid, timestamptz) is
  'Part of emit_event(): remembers which event an idempotency key stands for.';

-- from sql/event/begin_stream.sql
-- Inserts the head of a new stream. False when another transaction was faster: emit_event then
-- continues that stream. Waits for such a transaction to end. What names a stream is checked here,
-- once in its life.
create or replace function ledger.begin_stream(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  expected_sequence bigint,
  created_at timestamptz,
  hash bytea
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sequence bigint;
begin
  if (
    length(begin_stream.aggregate_type) between 1 and 255
    and length(begin_stream.aggregate_id) between 1 and 255
  ) is not true then
    raise exception using
      errcode = 'LG009',
      message = 'aggregate_type and aggregate_id go together and must have 1 to 255 characters';
  end if;
  if coalesce(begin_stream.expected_sequence, 0) = 0 then
    insert into ledger.streams (tenant_id, aggregate_type, aggregate_id, sequence, created_at, hash)
    values (
      begin_stream.tenant_id,
      begin_stream.aggregate_type,
      begin_stream.aggregate_id,
      1,
      begin_stream.created_at,
      begin_stream.hash
    )
    on conflict do nothing;
    if found or begin_stream.expected_sequence is null then
      return found;
    end if;
  end if;
  select s.sequence into v_sequence
  from ledger.streams as s
  where s.tenant_id = begin_stream.tenant_id
    and s.aggregate_type = begin_stream.aggregate_type
    and s.aggregate_id = begin_stream.aggregate_id;
  raise exception using
    errcode = 'LG004',
    message = format(
      'stream %s/%s is at sequence %s, not at %s',
      begin_stream.aggregate_type,
      begin_stream.aggregate_id,
      coalesce(v_sequence, 0),
      begin_stream.expected_sequence
    ),
    hint = 'Somebody else appended first: read the stream again, decide again, and emit with its '
      'new sequence.';
end
$$;

comment on function ledger.begin_stream(text, text, text, bigint, timestamptz, bytea) is
  'Part of emit_event(): inserts the head of a new stream; LG004 when expected_sequence does '
  'not hold.';

-- from sql/event/emit_event.sql
-- Writes one event and its outbox row in the caller's transaction. The hot path: one lookup, one
-- UPDATE of the stream's head (only with an aggregate), two inserts. Everything rare stands in
-- functions of its own. Locks the stream's row until the transaction ends, nothing else.
--
-- PostgreSQL sets every expression up again in every call, at about 3,000 instructions per operator
-- or function, half of that per IS NULL, nothing per constant: hence their form. Generic plans,
-- and never a sequential scan, so that a plan made while a table was small does not outlive its
-- smallness. Arguments are variables in plpgsql: defaults, masks and the like are written back into
-- them.
create or replace function ledger.emit_event(
  event_type text,
  payload jsonb default '{}',
  tenant_id text default null,
  run_id uuid default null,
  trace_id uuid default null,
  correlation_id uuid default null,
  causation_id uuid default null,
  schema_version int default null,
  deal_id uuid default null,
  action_id uuid default null,
  aggregate_type text default null,
  aggregate_id text default null,
  expected_sequence bigint default null,
  actor_type text default null,
  actor_id text default null,
  outcome text default null,
  proof jsonb default null,
  metadata jsonb default null,
  private jsonb default null,
  subject_id text default null,
  occurred_at timestamptz default null,
  idempotency_key text default null,
  publish boolean default null,
  headers jsonb default null
)
returns ledger.receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_created_at timestamptz := clock_timestamp();
  v_random uuid := gen_random_uuid();
  v_id uuid := ledger.uuid_v7(v_created_at, v_random);
  v_caller name := ledger.caller();
  v_payload text := emit_event.payload::text;
  v_text text := lower((v_payload || coalesce(emit_event.metadata::text, '')) collate "C");
  v_head_time timestamptz;
  v_sequence bigint;
  v_hash bytea;
  v_prev_hash bytea;
  v_run_id uuid;
  v_run_correlation_id uuid;
  v_is_permitted boolean;
  v_is_simple boolean;
  v_is_plain boolean;
  v_is_special boolean := false;
  v_event_type varchar(100);
  v_salt bytea;
  v_private_hash bytea;
  v_receipt ledger.receipt;
begin
  if current_setting('ledger.context', true) = 'on' then
    run_id := coalesce(emit_event.run_id, ledger.setting('run_id')::uuid);
    trace_id := coalesce(emit_event.trace_id, ledger.setting('trace_id')::uuid);
    correlation_id := coalesce(emit_event.correlation_id, ledger.setting('correlation_id')::uuid);
    causation_id := coalesce(emit_event.causation_id, ledger.setting('causation_id')::uuid);
    actor_type := coalesce(emit_event.actor_type, ledger.setting('actor_type'));
    actor_id := coalesce(emit_event.actor_id, ledger.setting('actor_id'));
  end if;
  if emit_event.tenant_id is null then
    tenant_id := coalesce(ledger.setting('tenant_id'), 'default');
  end if;

  -- Rules, run and permission in one lookup. What is not simple or not plain gets a closer look;
  -- NULL counts as neither.
  select
    t.event_type,
    r.id,
    coalesce(emit_event.trace_id, r.trace_id, v_random),
    coalesce(
      emit_event.deal_id,
      emit_event.correlation_id,
      case
        when emit_event.causation_id is null
          then coalesce(r.correlation_id, emit_event.trace_id, r.trace_id, v_random)
      end
    ),
    r.correlation_id,
    coalesce(emit_event.schema_version, t.current_version),
    coalesce(emit_event.publish, t.publish),
    'write' = any(g.privileges),
    emit_event.expected_sequence is null
    and emit_event.proof is null
    and emit_event.occurred_at is null
    and emit_event.idempotency_key is null
    and emit_event.headers is null
    and (emit_event.aggregate_type is null or emit_event.aggregate_id is not null)
    and coalesce(emit_event.actor_type = any('{user,agent,system,webhook}'), true)
    and coalesce(int4range(1, 256) @> length(emit_event.actor_id), true)
    and coalesce(emit_event.outcome = any('{success,failure,partial,pending}'), true)
    and coalesce(jsonb_typeof(emit_event.metadata) = 'object', true)
    and octet_length(v_text) <= 1048576, -- as jsonb at most four times that
    emit_event.payload @@ t.predicate
    and coalesce(emit_event.schema_version = t.current_version, true)
    and t.private_paths is null
    and t.secret_paths is null
    and emit_event.private is null
    and emit_event.subject_id is null
    and emit_event.proof is null
    and not ledger.may_have_secrets(v_text)
  into
    v_event_type, v_run_id, emit_event.trace_id, emit_event.correlation_id, v_run_correlation_id,
    emit_event.schema_version, emit_event.publish, v_is_permitted, v_is_simple, v_is_plain
  from (values (true)) as always
  left join ledger.event_types as t on t.event_type = emit_event.event_type
  left join ledger.agent_runs as r
    on r.tenant_id = emit_event.tenant_id
    and r.id = coalesce(emit_event.run_id, '00000000-0000-0000-0000-000000000000')
  left join ledger.tenant_grants as g
    on g.tenant_id = emit_event.tenant_id and g.role_name = v_caller;

  if (v_is_permitted and v_is_simple and v_is_plain and v_run_id is not null) is not true then
    v_is_special := true;
    if (v_is_permitted or emit_event.event_type like 'ledger.%') is not true then
      perform ledger.require_tenant(emit_event.tenant_id, 'write');
    end if;
    perform ledger.refuse_arguments(
      emit_event.payload, emit_event.aggregate_type, emit_event.aggregate_id,
      emit_event.expected_sequence, emit_event.actor_type, emit_event.actor_id, emit_event.outcome,
      emit_event.proof, emit_event.metadata, emit_event.private, emit_event.subject_id,
      emit_event.occurred_at, emit_event.idempotency_key, emit_event.headers
    );
    v_run_id := coalesce(v_run_id, ledger.require_run(emit_event.tenant_id, emit_event.run_id));
    if v_is_plain is not true then
      select
        e.schema_version, coalesce(emit_event.publish, e.publish), e.payload, e.proof, e.metadata,
        e.private, e.salt, ledger.private_hash(e.salt, e.private)
      into
        emit_event.schema_version, emit_event.publish, emit_event.payload, emit_event.proof,
        emit_event.metadata, emit_event.private, v_salt, v_private_hash
      from ledger.prepare_event(
        emit_event.event_type, emit_event.tenant_id, emit_event.schema_version,
        emit_event.payload, emit_event.proof, emit_event.metadata, emit_event.private,
        emit_event.subject_id
      ) as e;
      v_payload := emit_event.payload::text;
      v_event_type := emit_event.event_type;
    end if;
    if emit_event.idempotency_key is not null then
      v_receipt := ledger.find_receipt(
        emit_event.tenant_id, emit_event.idempotency_key, emit_event.event_type
      );
      if v_receipt.id is not null then
        return v_receipt;
      end if;
    end if;
  end if;
  if emit_event.correlation_id is null then
    emit_event.correlation_id := coalesce(
      ledger.correlation_of(emit_event.tenant_id, emit_event.causation_id),
      v_run_correlation_id,
      emit_event.trace_id
    );
  end if;
  -- The common case by itself: a literal NULL is a constant, not a field to be set up.
  if emit_event.aggregate_id is null and not v_is_special then
    v_hash := ledger.event_hash(
      ledger.event_entry(
        emit_event.tenant_id, v_id, v_created_at, v_run_id, emit_event.trace_id,
        emit_event.correlation_id, emit_event.causation_id, emit_event.event_type,
        emit_event.schema_version, v_payload, emit_event.deal_id, emit_event.action_id, null, null,
        null, emit_event.actor_type, emit_event.actor_id, emit_event.outcome, null,
        emit_event.metadata, null, null
      ),
      null
    );
  else
    loop
      if emit_event.aggregate_id is not null then
        update ledger.streams as s
        set
          sequence = s.sequence + 1,
          created_at = greatest(v_created_at, s.created_at + interval '1 microsecond'),
          prev_hash = s.hash,
          hash = ledger.event_hash(
            ledger.event_entry(
              emit_event.tenant_id,
              case
                when s.created_at < v_created_at then v_id
                else ledger.event_id(s.created_at + interval '1 microsecond', v_random)
              end,
              greatest(v_created_at, s.created_at + interval '1 microsecond'),
              v_run_id, emit_event.trace_id, emit_event.correlation_id,
              emit_event.causation_id, emit_event.event_type, emit_event.schema_version,
              v_payload, emit_event.deal_id, emit_event.action_id,
              emit_event.aggregate_type, emit_event.aggregate_id, s.sequence + 1,
              emit_event.actor_type, emit_event.actor_id, emit_event.outcome, emit_event.proof,
              emit_event.metadata, emit_event.occurred_at, v_private_hash
            ),
            s.hash
          )
        where s.tenant_id = emit_event.tenant_id
          and s.aggregate_type = emit_event.aggregate_type
          and s.aggregate_id = emit_event.aggregate_id
          and s.sequence = coalesce(emit_event.expected_sequence, s.sequence)
        returning s.created_at, s.sequence, s.hash, s.prev_hash
        into v_head_time, v_sequence, v_hash, v_prev_hash;
        if found then
          if v_head_time <> v_created_at then
            v_created_at := v_head_time;
            v_id := ledger.event_id(v_created_at, v_random);
          end if;
          exit;
        end if;
        v_sequence := 1;
      end if;

      v_hash := ledger.event_hash(
        ledger.event_entry(
          emit_event.tenant_id, v_id, v_created_at, v_run_id, emit_event.trace_id,
          emit_event.correlation_id, emit_event.causation_id, emit_event.event_type,
          emit_event.schema_version, v_payload, emit_event.deal_id, emit_event.action_id,
          emit_event.aggregate_type, emit_event.aggregate_id, v_sequence, emit_event.actor_type,
          emit_event.actor_id, emit_event.outcome, emit_event.proof, emit_event.metadata,
          emit_event.occurred_at, v_private_hash
        ),
        null
      );
      exit when emit_event.aggregate_id is null;
      exit when ledger.begin_stream(
        emit_event.tenant_id, emit_event.aggregate_type, emit_event.aggregate_id,
        emit_event.expected_sequence, v_created_at, v_hash
      );
    end loop;
  end if;

  if not ledger.covered_period() @> v_created_at then
    perform ledger.ensure_partition(v_created_at);
  end if;
  insert into ledger.agent_events (
    tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
    schema_version, payload, deal_id, action_id, aggregate_type, aggregate_id, sequence,
    actor_type, actor_id, outcome, proof, metadata, occurred_at, private_hash, prev_hash, hash
  )
  values (
    emit_event.tenant_id, v_id, v_created_at, v_run_id, emit_event.trace_id,
    emit_event.correlation_id, emit_event.causation_id, v_event_type,
    emit_event.schema_version, emit_event.payload, emit_event.deal_id, emit_event.action_id,
    emit_event.aggregate_type, emit_event.aggregate_id, v_sequence, emit_event.actor_type,
    emit_event.actor_id, emit_event.outcome, emit_event.proof, emit_event.metadata,
    emit_event.occurred_at, v_private_hash, v_prev_hash, v_hash
  );
  if emit_event.publish then
    insert into ledger.outbox (
      tenant_id, id, aggregate_type, aggregate_id, event_type, schema_version, payload, trace_id,
      correlation_id, created_at, headers
    )
    values (
      emit_event.tenant_id, v_id, emit_event.aggregate_type, emit_event.aggregate_id,
      v_event_type, emit_event.schema_version, emit_event.payload, emit_event.trace_id,
      emit_event.correlation_id, v_created_at, emit_event.headers
    );
  end if;
  if v_is_special then
    if emit_event.private is not null then
      insert into ledger.event_private (tenant_id, event_id, subject_id, salt, private)
      values (emit_event.tenant_id, v_id, emit_event.subject_id, v_salt, emit_event.private);
    end if;
    if emit_event.idempotency_key is not null then
      perform ledger.keep_receipt(
        emit_event.tenant_id, emit_event.idempotency_key, v_id, v_created_at
      );
    end if;
  end if;
  return (v_id, v_created_at, v_sequence, v_hash, false);
end
$$;

comment on function ledger.emit_event is
  'Writes one immutable event and its outbox row in the caller''s transaction and returns its '
  'receipt. Name the arguments: select * from ledger.emit_event(''deal.created'', '
  '''{"name": "Acme"}'', aggregate_type => ''deal'', aggregate_id => ''42''). A retry with the '
  'same idempotency_key gets the first receipt back (duplicate = true). expected_sequence is the '
  'sequence that the stream must be at, 0 for a new one. Errors: LG002 unknown type, LG003 '
  'payload, LG004 sequence, LG005 tenant, LG006 run, LG009 argument.';

-- from sql/event/refuse_events.sql
-- A batch must be an array of objects with known keys: a misspelt key would otherwise be lost
-- without a word.
create or replace function ledger.refuse_events(events jsonb)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys constant text[] := array(
    select a.attname::text
    from pg_attribute as a
    join pg_class as c on c.oid = a.attrelid
    where c.oid = 'ledger.event_input'::regclass and a.attnum > 0 and not a.attisdropped
  );
  v_position bigint;
  v_event jsonb;
begin
  if jsonb_typeof(refuse_events.events) is distinct from 'array' then
    raise exception using errcode = 'LG009', message = 'events must be a JSON array of objects';
  end if;
  select e.ordinality - 1, e.value into v_position, v_event
  from jsonb_array_elements(refuse_events.events) with ordinality as e
  where case when jsonb_typeof(e.value) = 'object' then e.value - v_keys <> '{}' else true end
  limit 1;
  if found then
    raise exception using
      errcode = 'LG009',
      message = case
        when jsonb_typeof(v_event) <> 'object'
          then format('element %s of events is no object', v_position)
        else format('element %s of events has a key that emit_event does not know', v_position)
      end,
      detail = case
        when jsonb_typeof(v_event) <> 'object' then format('it is a JSON %s', jsonb_typeof(v_event))
        else (select string_agg(k, ', ') from jsonb_object_keys(v_event - v_keys) as k)
      end,
      hint = 'Keys are the parameter names of ledger.emit_event, but for tenant_id, which is one '
        'for the batch.';
  end if;
end
$$;

comment on function ledger.refuse_events(jsonb) is
  'Part of emit_events(): LG009 unless events is an array of objects with known keys.';

-- from sql/event/lock_keys.sql
-- Locks the idempotency keys of a batch, in one order and before any stream, as emit_event does:
-- neither deadlocks the other. Returns the elements that will write an event, without those whose
-- key already stands for one.
create or replace function ledger.lock_keys(tenant_id text, events jsonb)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not lock_keys.events @? '$[*].idempotency_key' then
    return lock_keys.events;
  end if;
  perform pg_advisory_xact_lock(k.lock)
  from (
    select distinct hashtextextended(
      lock_keys.tenant_id || ' ' || (e.value ->> 'idempotency_key'), 7305
    ) as lock
    from jsonb_array_elements(lock_keys.events) as e
    where e.value ->> 'idempotency_key' is not null
    order by lock
  ) as k;
  return (
    select coalesce(jsonb_agg(f.value), '[]')
    from (
      select distinct on (g.key, case when g.key is null then g.ordinality end) g.key, g.value
      from (
        select e.value ->> 'idempotency_key' as key, e.value, e.ordinality
        from jsonb_array_elements(lock_keys.events) with ordinality as e
      ) as g
      order by g.key, case when g.key is null then g.ordinality end, g.ordinality
    ) as f
    where not exists (
      select
      from ledger.idempotency_keys as k
      where k.tenant_id = lock_keys.tenant_id and k.key = f.key
    )
  );
end
$$;

comment on function ledger.lock_keys(text, jsonb) is
  'Part of emit_events(): locks the idempotency keys of a batch and returns its elements that '
  'will write an event.';

-- from sql/event/lock_streams.sql
-- Locks the heads of all streams that a batch appends to, in the order of their keys, making the
-- missing ones (sequence 0), and returns a time for its first event: now, or later when a head is
-- ahead of the clock. Each stream is looked up by its key in a sub-select of its own: a join could
-- be planned, while the table is small, as a walk over all of it, and stay so.
create or replace function ledger.lock_streams(tenant_id text, events jsonb)
returns timestamptz
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_types text[];
  v_ids text[];
  v_last timestamptz;
begin
  select array_agg(k.aggregate_type), array_agg(k.aggregate_id) into v_types, v_ids
  from (
    select distinct e.aggregate_type, e.aggregate_id
    from jsonb_to_recordset(lock_streams.events) as e (aggregate_type text, aggregate_id text)
    where e.aggregate_type is not null and e.aggregate_id is not null
    order by e.aggregate_type, e.aggregate_id
  ) as k;
  if v_types is null then
    return clock_timestamp();
  end if;

  insert into ledger.streams (tenant_id, aggregate_type, aggregate_id, sequence, created_at)
  select lock_streams.tenant_id, k.aggregate_type, k.aggregate_id, 0, timestamptz '-infinity'
  from unnest(v_types, v_ids) as k (aggregate_type, aggregate_id)
  where length(k.aggregate_type) between 1 and 255
    and length(k.aggregate_id) between 1 and 255
    and (
      select s.sequence
      from ledger.streams as s
      where s.tenant_id = lock_streams.tenant_id
        and s.aggregate_type = k.aggregate_type
        and s.aggregate_id = k.aggregate_id
    ) is null
  on conflict do nothing;

  select max(h.created_at) into v_last
  from unnest(v_types, v_ids) as k (aggregate_type, aggregate_id)
  cross join lateral (
    select s.created_at
    from ledger.streams as s
    where s.tenant_id = lock_streams.tenant_id
      and s.aggregate_type = k.aggregate_type
      and s.aggregate_id = k.aggregate_id
    for update
  ) as h;
  return greatest(clock_timestamp(), v_last + interval '1 microsecond');
end
$$;

comment on function ledger.lock_streams(text, jsonb) is
  'Part of emit_events(): locks the streams of a batch in key order and returns a time later '
  'than all their heads.';

-- from sql/event/link_next.sql
-- Transition function of the aggregate link(); plpgsql, because a SQL function is not inlined there
-- and costs twice as much.
create or replace function ledger.link_next(link bytea[], entry bytea, head bytea)
returns bytea[]
language plpgsql
immutable
parallel safe
as $$
declare
  v_prev_hash bytea := coalesce(link[2], head);
begin
  return array[v_prev_hash, ledger.event_hash(entry, v_prev_hash)];
end
$$;

comment on function ledger.link_next(bytea[], bytea, bytea) is
  'Transition function of the aggregate ledger.link().';

-- from sql/event/link.sql
-- As a window aggregate in the order of a stream: for each event the hash before it (NULL for a new
-- stream's first) and its own, made from its entry and that.
-- (_bytea: bytea[], spelt so that sqlfluff can read it.)
-- noqa: disable=layout.spacing
create or replace aggregate ledger.link(entry bytea, head bytea) (
  sfunc = ledger.link_next,
  stype = _bytea,
  parallel = safe
);

comment on aggregate ledger.link(bytea, bytea) is
  'Part of emit_events(): chains entries, in window order, to the head of their stream (NULL '
  'for a new one).';

-- from sql/event/emit_plain_events.sql
-- One statement for a batch in which every event is plain, as emit_event calls it; writes nothing
-- and returns no row when one is not. The caller has checked the tenant and holds the locks of
-- lock_streams(). Event n of the batch gets first_time + n microseconds, which orders every stream
-- and makes the ids distinct. A window aggregate chains each stream. Whether every event is plain
-- is asked last, when all is computed but nothing written: one copy of the rows less. Lookups are
-- lateral and the locked heads are updated by ctid, so that no plan walks a whole table, however
-- small it was when the plan was made.
create or replace function ledger.emit_plain_events(
  tenant_id text,
  events jsonb,
  first_time timestamptz
)
returns setof ledger.receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_random uuid := gen_random_uuid();
  v_count int := jsonb_array_length(emit_plain_events.events);
  v_run_id uuid := uuid '00000000-0000-0000-0000-000000000000';
  v_trace_id uuid;
  v_correlation_id uuid;
  v_causation_id uuid;
  v_actor_type text;
  v_actor_id text;
begin
  if current_setting('ledger.context', true) = 'on' then
    v_run_id := coalesce(ledger.setting('run_id')::uuid, v_run_id);
    v_trace_id := ledger.setting('trace_id')::uuid;
    v_correlation_id := ledger.setting('correlation_id')::uuid;
    v_causation_id := ledger.setting('causation_id')::uuid;
    v_actor_type := ledger.setting('actor_type');
    v_actor_id := ledger.setting('actor_id');
  end if;

  perform ledger.ensure_partition(t.at_time)
  from (values
    (emit_plain_events.first_time),
    (emit_plain_events.first_time + v_count * interval '1 microsecond')
  ) as t (at_time)
  where not ledger.covered_period() @> t.at_time;

  return query
  with given as materialized (
    select
      e.ordinality,
      emit_plain_events.first_time + e.ordinality * interval '1 microsecond' as created_at,
      case when e.aggregate_id is null then e.ordinality end as alone,
      e.event_type, e.schema_version, coalesce(e.payload, '{}') as payload,
      coalesce(e.payload::text, '{}') as payload_text,
      coalesce(e.run_id, v_run_id) as run_id,
      coalesce(e.trace_id, v_trace_id) as trace_id,
      coalesce(e.deal_id, e.correlation_id, v_correlation_id) as correlation_id,
      coalesce(e.causation_id, v_causation_id) as causation_id,
      e.deal_id, e.action_id, e.aggregate_type, e.aggregate_id, e.expected_sequence,
      coalesce(e.actor_type, v_actor_type) as actor_type,
      coalesce(e.actor_id, v_actor_id) as actor_id,
      e.outcome, e.proof, e.metadata, e.private, e.subject_id, e.occurred_at, e.idempotency_key,
      e.publish, e.headers
    from jsonb_populate_recordset(null::ledger.event_input, emit_plain_events.events)
      with ordinality as e
  ),
  types as materialized (
    select t.*
    from (select distinct g.event_type from given as g) as d
    cross join lateral (
      select t.* from ledger.event_types as t where t.event_type = d.event_type limit 1
    ) as t
  ),
  runs as materialized (
    select r.*
    from (select distinct g.run_id from given as g) as d
    cross join lateral (
      select r.*
      from ledger.agent_runs as r
      where r.tenant_id = emit_plain_events.tenant_id and r.id = d.run_id
      limit 1
    ) as r
  ),
  checked as (
    select
      g.ordinality, g.created_at, g.alone, g.event_type, g.payload, g.payload_text, g.run_id,
      g.causation_id, g.deal_id, g.action_id, g.aggregate_type, g.aggregate_id, g.actor_type,
      g.actor_id, g.outcome, g.proof, g.metadata, g.occurred_at, g.headers,
      ledger.uuid_v7(g.created_at, v_random) as id,
      t.current_version as schema_version,
      coalesce(g.publish, t.publish) as publish,
      coalesce(g.trace_id, r.trace_id, gen_random_uuid()) as trace_id,
      coalesce(g.correlation_id, r.correlation_id) as correlation_id,
      r.id is not null
      and coalesce(g.schema_version, t.current_version) = t.current_version
      and g.payload @@ t.predicate
      and t.private_paths is null
      and t.secret_paths is null
      and g.private is null
      and g.subject_id is null
      and g.expected_sequence is null
      and g.idempotency_key is null
      and (g.causation_id is null or g.correlation_id is not null)
      and not ledger.may_have_secrets(g.lower_text)
      and ledger.arguments_hold(
        g.payload, g.aggregate_type, g.aggregate_id, null, g.actor_type, g.actor_id, g.outcome,
        g.proof, g.metadata, null, null, g.occurred_at, null, g.headers
      ) as is_plain
    from (
      select
        g.*,
        lower(
          (g.payload_text || coalesce(g.metadata::text, '') || coalesce(g.proof::text, ''))
          collate "C"
        ) as lower_text
      from given as g
      offset 0
    ) as g
    left join types as t on t.event_type = g.event_type
    left join runs as r on r.id = g.run_id
  ),
  placed as (
    select
      c.*,
      s.sequence + row_number() over stream as sequence,
      lead(c.ordinality) over stream is null as is_last,
      s.hash as head,
      s.ctid as head_ctid
    from checked as c
    left join lateral (
      select s.ctid, s.sequence, s.hash
      from ledger.streams as s
      where s.tenant_id = emit_plain_events.tenant_id
        and s.aggregate_type = c.aggregate_type
        and s.aggregate_id = c.aggregate_id
      limit 1
    ) as s on true
    window stream as (partition by c.aggregate_type, c.aggregate_id, c.alone order by c.ordinality)
  ),
  linked as (
    select
      p.*,
      ledger.link(
        ledger.event_entry(
          emit_plain_events.tenant_id, p.id, p.created_at, p.run_id, p.trace_id,
          coalesce(p.correlation_id, p.trace_id), p.causation_id, p.event_type, p.schema_version,
          p.payload_text, p.deal_id, p.action_id, p.aggregate_type, p.aggregate_id, p.sequence,
          p.actor_type, p.actor_id, p.outcome, p.proof, p.metadata, p.occurred_at, null
        ),
        p.head
      ) over stream as link
    from placed as p
    window stream as (partition by p.aggregate_type, p.aggregate_id, p.alone order by p.ordinality)
  ),
  written as materialized (
    select
      l.ordinality, l.id, l.created_at, l.run_id, l.trace_id,
      coalesce(l.correlation_id, l.trace_id) as correlation_id, l.causation_id, l.event_type,
      l.schema_version, l.payload, l.deal_id, l.action_id, l.aggregate_type, l.aggregate_id,
      l.sequence, l.actor_type, l.actor_id, l.outcome, l.proof, l.metadata, l.occurred_at,
      case when l.sequence is not null then l.link[1] end as prev_hash, l.link[2] as hash,
      l.publish, l.headers, l.is_last, l.head_ctid, l.is_plain
    from linked as l
  ),
  verdict as materialized (
    select bool_and(w.is_plain is true) as is_plain from written as w
  ),
  insert_events as (
    insert into ledger.agent_events (
      tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
      schema_version, payload, deal_id, action_id, aggregate_type, aggregate_id, sequence,
      actor_type, actor_id, outcome, proof, metadata, occurred_at, prev_hash, hash
    )
    select
      emit_plain_events.tenant_id, w.id, w.created_at, w.run_id, w.trace_id, w.correlation_id,
      w.causation_id, w.event_type, w.schema_version, w.payload, w.deal_id, w.action_id,
      w.aggregate_type, w.aggregate_id, w.sequence, w.actor_type, w.actor_id, w.outcome, w.proof,
      w.metadata, w.occurred_at, w.prev_hash, w.hash
    from written as w
    where (select v.is_plain from verdict as v)
  ),
  insert_outbox as (
    insert into ledger.outbox (
      tenant_id, id, aggregate_type, aggregate_id, event_type, schema_version, payload, trace_id,
      correlation_id, created_at, headers
    )
    select
      emit_plain_events.tenant_id, w.id, w.aggregate_type, w.aggregate_id, w.event_type,
      w.schema_version, w.payload, w.trace_id, w.correlation_id, w.created_at, w.headers
    from written as w
    where w.publish and (select v.is_plain from verdict as v)
  ),
  update_streams as (
    update ledger.streams as s
    set sequence = w.sequence, created_at = w.created_at, hash = w.hash, prev_hash = w.prev_hash
    from written as w
    where w.is_last
      and s.ctid = w.head_ctid
      and (select v.is_plain from verdict as v)
  )
  select w.id, w.created_at, w.sequence, w.hash, false
  from written as w
  where (select v.is_plain from verdict as v)
  order by w.ordinality;
end
$$;

comment on function ledger.emit_plain_events(text, jsonb, timestamptz) is
  'Part of emit_events(): writes a batch in one statement when every event is plain, else '
  'writes nothing and returns no row.';

-- from sql/event/emit_events.sql
-- The batch: same meaning as emit_event for each element, all or nothing, receipts in input order.
-- Locks each stream once, in the order of their keys, so that batches do not deadlock each other.
-- When every event is plain, one statement writes them all; otherwise emit_event writes them one by
-- one.
create or replace function ledger.emit_events(events jsonb, tenant_id text default null)
returns setof ledger.receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(emit_events.tenant_id, ledger.setting('tenant_id'), 'default');
  v_first_time timestamptz;
begin
  perform ledger.require_tenant(v_tenant_id, 'write');
  perform ledger.refuse_events(emit_events.events);
  if emit_events.events = '[]' then
    return;
  end if;

  -- The order of emit_event: a new tenant, keys, streams.
  perform ledger.ensure_tenant(v_tenant_id);
  v_first_time := ledger.lock_streams(
    v_tenant_id, ledger.lock_keys(v_tenant_id, emit_events.events)
  );
  return query
  select * from ledger.emit_plain_events(v_tenant_id, emit_events.events, v_first_time);
  if not found then
    return query
    select r.*
    from jsonb_populate_recordset(null::ledger.event_input, emit_events.events) as e
    cross join lateral ledger.emit_event(
      e.event_type, coalesce(e.payload, '{}'), v_tenant_id, e.run_id, e.trace_id,
      e.correlation_id, e.causation_id, e.schema_version, e.deal_id, e.action_id,
      e.aggregate_type, e.aggregate_id, e.expected_sequence, e.actor_type, e.actor_id, e.outcome,
      e.proof, e.metadata, e.private, e.subject_id, e.occurred_at, e.idempotency_key, e.publish,
      e.headers
    ) as r;
  end if;
end
$$;

comment on function ledger.emit_events(jsonb, text) is
  'Writes a batch of events, all or nothing: a JSON array of objects whose keys are '
  'emit_event()''s parameters (but tenant_id). Returns one receipt each, in input order.';

-- from sql/run/find_run.sql
-- A run by its id; LG006 when there is none. The ambient run is none that could be continued,
-- joined or finished.
create or replace function ledger.find_run(tenant_id text, run_id uuid)
returns ledger.agent_runs
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run ledger.agent_runs;
begin
  select r.* into v_run
  from ledger.agent_runs as r
  where r.tenant_id = find_run.tenant_id
    and r.id = find_run.run_id
    and r.id <> '00000000-0000-0000-0000-000000000000';
  if not found then
    raise exception using
      errcode = 'LG006',
      message = format(
        'run %s does not exist for tenant %s', find_run.run_id, find_run.tenant_id
      ),
      hint = 'Start it with ledger.start_run(); is it another tenant''s?';
  end if;
  return v_run;
end
$$;

comment on function ledger.find_run(text, uuid) is
  'Part of start_run() and finish_run(): a run of the tenant, LG006 when there is none.';

-- from sql/run/start_run.sql
-- Begins a run of an agent: the row in agent_runs and the event run.started, the first of the
-- stream run/<id>. Events that the transaction emits from here on belong to the run, unless they
-- say otherwise. A run started under a parent continues the parent's trace and correlation.
create or replace function ledger.start_run(
  agent_name text,
  run_id uuid default null,
  tenant_id text default null,
  parent_run_id uuid default null,
  trace_id uuid default null,
  correlation_id uuid default null,
  payload jsonb default '{}',
  metadata jsonb default null
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(start_run.tenant_id, ledger.setting('tenant_id'), 'default');
  v_has_context boolean := coalesce(current_setting('ledger.context', true) = 'on', false);
  v_run ledger.agent_runs;
  v_parent ledger.agent_runs;
begin
  perform ledger.require_tenant(v_tenant_id, 'write');
  if length(start_run.agent_name) between 1 and 200 is not true then
    raise exception using errcode = 'LG009', message = 'agent_name must have 1 to 200 characters';
  end if;
  perform ledger.ensure_tenant(v_tenant_id);
  if start_run.parent_run_id is not null then
    v_parent := ledger.find_run(v_tenant_id, start_run.parent_run_id);
  end if;

  insert into ledger.agent_runs (
    tenant_id, id, agent_name, parent_run_id, trace_id, correlation_id, started_at
  )
  select
    v_tenant_id,
    coalesce(start_run.run_id, ledger.event_id(clock_timestamp(), gen_random_uuid())),
    start_run.agent_name,
    start_run.parent_run_id,
    t.trace_id,
    coalesce(
      start_run.correlation_id,
      v_parent.correlation_id,
      case when v_has_context then ledger.setting('correlation_id')::uuid end,
      t.trace_id
    ),
    clock_timestamp()
  from (
    select coalesce(
      start_run.trace_id,
      v_parent.trace_id,
      case when v_has_context then ledger.setting('trace_id')::uuid end,
      gen_random_uuid()
    ) as trace_id
  ) as t
  on conflict do nothing
  returning * into v_run;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format('run %s of tenant %s exists already', start_run.run_id, v_tenant_id),
      hint = 'Leave run_id out to have one made; set_context(run_id => ...) goes on with a run.';
  end if;

  perform ledger.set_context(
    tenant_id => v_tenant_id, run_id => v_run.id, trace_id => v_run.trace_id
  );
  perform ledger.emit_event(
    'run.started', start_run.payload, tenant_id => v_tenant_id, run_id => v_run.id,
    trace_id => v_run.trace_id, correlation_id => v_run.correlation_id, aggregate_type => 'run',
    aggregate_id => v_run.id::text, metadata => start_run.metadata
  );
  return v_run.id;
end
$$;

comment on function ledger.start_run(text, uuid, text, uuid, uuid, uuid, jsonb, jsonb) is
  'Begins a run of an agent (event run.started), makes it the transaction''s context, returns '
  'its id. End it with finish_run().';

-- from sql/run/finish_run.sql
-- Ends a run: run.failed when the outcome is failure, else run.completed. Emitting locks the stream
-- run/<id>, so that of two sessions that finish the same run the second sees what the first did,
-- and is refused.
create or replace function ledger.finish_run(
  run_id uuid default null,
  outcome text default 'success',
  payload jsonb default '{}',
  tenant_id text default null,
  out id uuid,
  out created_at timestamptz,
  out sequence bigint,
  out hash bytea,
  out duplicate boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(finish_run.tenant_id, ledger.setting('tenant_id'), 'default');
  v_run_id uuid := coalesce(
    finish_run.run_id,
    case
      when current_setting('ledger.context', true) = 'on' then ledger.setting('run_id')::uuid
    end
  );
  v_run ledger.agent_runs;
begin
  perform ledger.require_tenant(v_tenant_id, 'write');
  if finish_run.outcome in ('success', 'partial', 'failure') is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'a run cannot finish with outcome %s',
        coalesce(quote_literal(left(finish_run.outcome, 100)), 'NULL')
      ),
      hint = 'Use success, partial or failure.';
  end if;
  if v_run_id is null then
    raise exception using
      errcode = 'LG009',
      message = 'no run to finish: no run_id is given, and none is set in this transaction',
      hint = 'Give run_id, or set it first: select ledger.set_context(run_id => ...).';
  end if;
  v_run := ledger.find_run(v_tenant_id, v_run_id);

  select e.* into id, created_at, sequence, hash, duplicate
  from ledger.emit_event(
    case finish_run.outcome when 'failure' then 'run.failed' else 'run.completed' end,
    finish_run.payload, tenant_id => v_tenant_id, run_id => v_run.id, trace_id => v_run.trace_id,
    correlation_id => v_run.correlation_id, aggregate_type => 'run',
    aggregate_id => v_run.id::text, outcome => finish_run.outcome
  ) as e;

  if exists (
    select
    from ledger.events as e
    where e.tenant_id = v_tenant_id
      and e.run_id = v_run.id
      and e.run_id <> '00000000-0000-0000-0000-000000000000'
      and e.event_type in ('run.completed', 'run.failed')
      and e.created_at >= v_run.started_at
      and e.id <> finish_run.id
  ) then
    raise exception using
      errcode = 'LG009',
      message = format('run %s of tenant %s has finished already', v_run.id, v_tenant_id),
      hint = 'select * from ledger.agent_run_status shows when and how.';
  end if;
end
$$;

comment on function ledger.finish_run(uuid, text, jsonb, text) is
  'Ends a run (event run.completed, or run.failed when outcome is failure) and returns the '
  'event''s receipt; run_id defaults to the transaction''s run.';

-- from sql/run/agent_run_status.sql
-- How runs stand, derived from their run.* events: the last one that says something about it
-- decides.
create or replace view ledger.agent_run_status
with (security_barrier = true, security_invoker = true) as
select
  r.tenant_id,
  r.id as run_id,
  r.agent_name,
  case s.event_type
    when 'run.completed' then 'completed'
    when 'run.failed' then 'failed'
    when 'run.paused' then 'paused'
    else 'running'
  end as status,
  r.started_at,
  case when s.event_type in ('run.completed', 'run.failed') then s.created_at end as finished_at,
  case when s.event_type in ('run.completed', 'run.failed') then s.outcome end as outcome,
  r.parent_run_id,
  r.trace_id,
  r.correlation_id,
  (
    select count(*)
    from ledger.events as e
    where e.tenant_id = r.tenant_id
      and e.run_id = r.id
      and e.run_id <> '00000000-0000-0000-0000-000000000000'
      and e.created_at >= r.started_at
  ) as event_count
from ledger.agent_runs as r
left join lateral (
  select e.event_type, e.created_at, e.outcome
  from ledger.events as e
  where e.tenant_id = r.tenant_id
    and e.run_id = r.id
    and e.run_id <> '00000000-0000-0000-0000-000000000000'
    and e.event_type in ('run.started', 'run.paused', 'run.resumed', 'run.completed', 'run.failed')
    and e.created_at >= r.started_at
  order by e.created_at desc
  limit 1
) as s on true
where r.id <> '00000000-0000-0000-0000-000000000000';

comment on view ledger.agent_run_status is
  'Agent runs with their status (running, paused, completed, failed), when they finished and '
  'how many events they have.';

-- from sql/event/require_page_size.sql
create or replace function ledger.require_page_size(page_size int, largest int default 10000)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if require_page_size.page_size between 1 and largest is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'page_size is %s, not 1 to %s', coalesce(require_page_size.page_size::text, 'NULL'), largest
      ),
      hint = 'Read page by page: find_events() goes on after_id, read_stream() from_sequence.';
  end if;
end
$$;

comment on function ledger.require_page_size(int, int) is
  'Raises LG009 unless 1 to the largest.';

-- from sql/event/get_event.sql
-- One event by its id. The id holds the time, so that one partition is looked into and not all of
-- them.
create or replace function ledger.get_event(id uuid, tenant_id text default null)
returns setof ledger.events
language plpgsql
stable
rows 1
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(get_event.tenant_id, ledger.setting('tenant_id'), 'default');
  v_created_at timestamptz := ledger.event_time(get_event.id);
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  return query
  select e.*
  from ledger.events as e
  where e.tenant_id = v_tenant_id and e.created_at = v_created_at and e.id = get_event.id;
end
$$;

comment on function ledger.get_event(uuid, text) is
  'The event with that id, no row when there is none.';

-- from sql/event/find_events.sql
-- Events by any combination of filters, in time order, page by page. Each call plans a statement
-- that holds the filters given and no others (their values stay parameters), so every combination
-- gets its index and only the partitions that can match. Within a stream, sequence is time order:
-- its index then yields the order.
-- Events lie in time order on disk, so some index always serves: without sequential scans the
-- planner also trusts the Bloom filters of trace_id, whose cost it overrates (59 ms against 6).
create or replace function ledger.find_events(
  tenant_id text default null,
  aggregate_type text default null,
  aggregate_id text default null,
  event_types text[] default null,
  action_prefix text default null,
  actor_type text default null,
  actor_id text default null,
  outcome text default null,
  correlation_id uuid default null,
  run_id uuid default null,
  trace_id uuid default null,
  deal_id uuid default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  after_id uuid default null,
  page_size int default 100,
  newest_first boolean default true
)
returns setof ledger.events
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_tenant_id text := coalesce(find_events.tenant_id, ledger.setting('tenant_id'), 'default');
  v_after_time timestamptz := ledger.event_time(find_events.after_id);
  v_is_stream boolean :=
    find_events.aggregate_type is not null and find_events.aggregate_id is not null;
  v_is_newest_first boolean := coalesce(find_events.newest_first, true);
  v_after_sequence bigint;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  perform ledger.require_page_size(find_events.page_size);
  if find_events.after_id is not null and v_after_time is null then
    raise exception using
      errcode = 'LG009',
      message = format('after_id %s is no event id', find_events.after_id),
      hint = 'after_id is the id of the last event of the previous page.';
  end if;
  if v_is_stream then
    select e.sequence into v_after_sequence
    from ledger.events as e
    where e.tenant_id = v_tenant_id
      and e.created_at = v_after_time
      and e.id = find_events.after_id
      and e.aggregate_type = find_events.aggregate_type
      and e.aggregate_id = find_events.aggregate_id;
  end if;

  return query execute concat_ws(
    ' ',
    'select e.* from ledger.events as e where e.tenant_id = $1',
    case when find_events.aggregate_type is not null then 'and e.aggregate_type = $2' end,
    case when find_events.aggregate_id is not null then 'and e.aggregate_id = $3' end,
    case
      when cardinality(find_events.event_types) = 1 then 'and e.event_type = ($4)[1]'
      when find_events.event_types is not null then 'and e.event_type = any($4)'
    end,
    -- "~" sorts after every character of an event type.
    case
      when find_events.action_prefix is not null
      then 'and e.event_type collate "C" >= $5 and e.event_type collate "C" < $5 || ''~'''
    end,
    case when find_events.actor_type is not null then 'and e.actor_type = $6' end,
    case when find_events.actor_id is not null then 'and e.actor_id = $7' end,
    case when find_events.outcome is not null then 'and e.outcome = $8' end,
    case when find_events.correlation_id is not null then 'and e.correlation_id = $9' end,
    case when find_events.run_id is not null then 'and e.run_id = $10' end,
    case when find_events.trace_id is not null then 'and e.trace_id = $11' end,
    -- A deal's events have the deal as their correlation, which is indexed.
    case
      when find_events.deal_id is not null then 'and e.deal_id = $12 and e.correlation_id = $12'
    end,
    case when find_events.from_time is not null then 'and e.created_at >= $13' end,
    case when find_events.to_time is not null then 'and e.created_at < $14' end,
    -- The comparison of created_at alone is what prunes partitions.
    case
      when find_events.after_id is null then null
      when v_is_newest_first then 'and e.created_at <= $15 and (e.created_at, e.id) < ($15, $16)'
      else 'and e.created_at >= $15 and (e.created_at, e.id) > ($15, $16)'
    end,
    case
      when v_after_sequence is null then null
      when v_is_newest_first then 'and e.sequence < $17'
      else 'and e.sequence > $17'
    end,
    'order by',
    case
      when v_is_stream and v_is_newest_first then 'e.sequence desc'
      when v_is_stream then 'e.sequence'
      when v_is_newest_first then 'e.created_at desc, e.id desc'
      else 'e.created_at, e.id'
    end,
    'limit $18'
  )
  using
    v_tenant_id, find_events.aggregate_type, find_events.aggregate_id, find_events.event_types,
    find_events.action_prefix, find_events.actor_type, find_events.actor_id, find_events.outcome,
    find_events.correlation_id, find_events.run_id, find_events.trace_id, find_events.deal_id,
    find_events.from_time, find_events.to_time, v_after_time, find_events.after_id,
    v_after_sequence, find_events.page_size;
end
$$;

comment on function ledger.find_events is
  'Events by any combination of filters (NULL = any), newest first, page_size (1 to 10000) at a '
  'time; next page: after_id => id of the last. action_prefix is how the event type begins; '
  'from_time is included, to_time is not.';

-- from sql/event/read_stream.sql
-- A stream in order, hot or archived. The next page begins at the last sequence + 1.
create or replace function ledger.read_stream(
  aggregate_type text,
  aggregate_id text,
  from_sequence bigint default 1,
  page_size int default 1000,
  tenant_id text default null
)
returns setof ledger.events
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(read_stream.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  perform ledger.require_page_size(read_stream.page_size);
  return query
  select e.*
  from ledger.events as e
  where e.tenant_id = v_tenant_id
    and e.aggregate_type = read_stream.aggregate_type
    and e.aggregate_id = read_stream.aggregate_id
    and e.sequence >= coalesce(read_stream.from_sequence, 1)
  order by e.sequence
  limit read_stream.page_size;
end
$$;

comment on function ledger.read_stream(text, text, bigint, int, text) is
  'Events of one aggregate in order of sequence; next page: from_sequence => last sequence + 1.';

-- from sql/event/causation_order.sql
-- The order of trace(): each event below the one that caused it, depth first, siblings in time
-- order. A root is an event whose cause is not part of the correlation. The walk keeps one number
-- per level (the next sibling), where the usual arrays of ancestors would need n * n for a chain of
-- n events. No nested loops: where statistics lag behind, the planner takes a correlation for a
-- handful of events and would join 20,000 of them in 28 s instead of 0.1.
create or replace function ledger.causation_order(tenant_id text, correlation_id uuid)
returns table (event_id uuid, depth int, place int)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
#variable_conflict use_column
declare
  v_ids uuid[];
  v_first_child int[];
  v_next_sibling int[];
  v_depths int[];
  v_places int[];
  v_stack int[] := array[1];
  v_level int := 1;
  v_event int;
begin
  -- Numbered so that siblings are neighbours, roots first; 0 = none.
  with numbered as (
    select
      e.id,
      c.id as cause_id,
      row_number() over (order by c.id nulls first, e.created_at, e.id)::int as number
    from ledger.events as e
    left join ledger.events as c
      on c.tenant_id = causation_order.tenant_id
      and c.correlation_id = causation_order.correlation_id
      and c.id = e.causation_id
    where e.tenant_id = causation_order.tenant_id
      and e.correlation_id = causation_order.correlation_id
  )
  select
    array_agg(n.id order by n.number),
    array_agg(coalesce(f.number, 0) order by n.number),
    array_agg(case when n.has_next then n.number + 1 else 0 end order by n.number)
  into v_ids, v_first_child, v_next_sibling
  from (
    select
      w.*,
      w.number < count(*) over ()
      and w.cause_id is not distinct from lead(w.cause_id) over (order by w.number) as has_next
    from numbered as w
  ) as n
  left join (
    select w.cause_id, min(w.number) as number from numbered as w group by w.cause_id
  ) as f on f.cause_id = n.id;

  if v_ids is null then
    return;
  end if;

  v_depths := array_fill(0, array[cardinality(v_ids)]);
  v_places := v_depths;
  for v_place in 1..cardinality(v_ids) loop
    exit when v_level = 0;  -- only where forged causes go round in a circle are events left over
    v_event := v_stack[v_level];
    v_depths[v_event] := v_level - 1;
    v_places[v_event] := v_place;
    v_stack[v_level] := v_next_sibling[v_event];
    v_level := v_level + 1;
    v_stack[v_level] := v_first_child[v_event];
    while v_level > 0 and v_stack[v_level] = 0 loop
      v_level := v_level - 1;
    end loop;
  end loop;
  return query select * from unnest(v_ids, v_depths, v_places);
end
$$;

comment on function ledger.causation_order(text, uuid) is
  'Part of trace(): depth and place of each event of a correlation in its trees of causes and '
  'effects.';

-- from sql/event/trace.sql
-- What led to what: the events of one correlation as trees, depth first. No nested loops, for
-- causation_order()'s reason.
create or replace function ledger.trace(correlation_id uuid, tenant_id text default null)
returns table (
  depth int,
  tenant_id text,
  id uuid,
  created_at timestamptz,
  run_id uuid,
  trace_id uuid,
  correlation_id uuid,
  causation_id uuid,
  event_type varchar,
  schema_version int,
  payload jsonb,
  deal_id uuid,
  action_id uuid,
  aggregate_type text,
  aggregate_id text,
  sequence bigint,
  actor_type text,
  actor_id text,
  outcome text,
  proof jsonb,
  metadata jsonb,
  occurred_at timestamptz,
  private_hash bytea,
  prev_hash bytea,
  hash bytea,
  xact_id xid8,
  tier text
)
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
  select ledger.require_tenant(coalesce($2, ledger.setting('tenant_id'), 'default'), 'read');

  select o.depth, e.*
  from ledger.causation_order(coalesce($2, ledger.setting('tenant_id'), 'default'), $1) as o
  join ledger.events as e on e.id = o.event_id
  where e.tenant_id = coalesce($2, ledger.setting('tenant_id'), 'default') and e.correlation_id = $1
  order by o.place
$$;

comment on function ledger.trace(uuid, text) is
  'The events of a correlation (or deal) as a tree of causes and effects, depth first; depth 0 '
  '= root, an event whose cause is not part of the correlation.';

-- from sql/registry/event_type_coverage.sql
-- Which types have been seen and which never: the gap report of an audit. Types that were emitted
-- without being registered (tenant policy "open") appear too. Counts what the reader may see.
create or replace view ledger.event_type_coverage
with (security_invoker = true) as
with seen as (
  select
    e.event_type,
    count(*) as event_count,
    min(e.created_at) as first_seen_at,
    max(e.created_at) as last_seen_at
  from ledger.events as e
  group by e.event_type
)

select
  coalesce(t.event_type, s.event_type) as event_type,
  t.catalog,
  t.current_version,
  t.event_type is not null as is_registered,
  s.event_type is not null as is_seen,
  coalesce(s.event_count, 0) as event_count,
  s.first_seen_at,
  s.last_seen_at
from ledger.event_types as t
full join seen as s on s.event_type = t.event_type;

comment on view ledger.event_type_coverage is
  'Every event type, whether it is registered, whether and how often it has been emitted, first '
  'and last time, for the tenants you may read.';
comment on column ledger.event_type_coverage.is_registered is
  'False for a type that was emitted without being registered (tenant policy "open").';
comment on column ledger.event_type_coverage.is_seen is
  'Whether any event of the type is there; false = a gap in the audit trail.';

-- from sql/log/log_heads.sql
-- Where sealing stands, per tenant. One UPDATE here locks the tenant's log; everything that a seal
-- needs of the past is in this row and in log_edges.
create table ledger.log_heads (
  tenant_id text collate "C" primary key,
  tree_size bigint not null,
  root bytea not null,
  block_no bigint not null,
  block_hash bytea not null,
  sealed_at timestamptz not null,
  snapshot pg_snapshot not null,
  epoch int not null,
  system_identifier bigint not null
) with (fillfactor = 50);

comment on table ledger.log_heads is
  'Where the log of each tenant stands: size and root of its tree, and what the last seal saw.';
comment on column ledger.log_heads.tree_size is 'Number of sealed events; the next gets this position.';
comment on column ledger.log_heads.root is 'RFC 6962 tree hash over the first tree_size events.';
comment on column ledger.log_heads.snapshot is
  'What the last seal saw: every event of a transaction visible in it has its position.';
comment on column ledger.log_heads.epoch is
  'How often ledger.rebase_log() has carried the log over to another cluster.';
comment on column ledger.log_heads.system_identifier is
  'The cluster whose transaction ids snapshot is about (pg_control_system()).';

-- from sql/log/log_edges.sql
-- The growing right edge of each tenant's tree: of every level the hashes that do not fill a tile
-- yet. Apart from log_heads, so that a seal rewrites the level it touches and no other.
-- (sqlfluff takes "hashes" for a keyword.)
create table ledger.log_edges (  -- noqa: PRS
  tenant_id text collate "C" not null,
  level int not null,
  hashes bytea not null,
  primary key (tenant_id, level)
) with (fillfactor = 50);

-- Hashes do not compress.
alter table ledger.log_edges alter column hashes set storage external;

comment on table ledger.log_edges is
  'The incomplete tile of each level of a tenant''s tree: up to 255 hashes of 32 bytes.';

-- from sql/log/log_entries.sql
-- Position and event: the order of a tenant's log. created_at leads to the event's partition.
create table ledger.log_entries (
  tenant_id text collate "C" not null,
  position bigint not null,
  created_at timestamptz not null,
  event_id uuid not null,
  primary key (tenant_id, position)
);

-- Finds an event's position, and makes it impossible to give it two.
create unique index log_entries_event on ledger.log_entries (tenant_id, event_id);

comment on table ledger.log_entries is
  'The position of every sealed event in its tenant''s log: gapless from 0, given once by '
  'ledger.seal().';

-- from sql/log/log_tiles.sql
-- The tenant's Merkle tree in full tiles of 256 hashes (C2SP tlog-tiles): at level 0 the hashes of
-- events, at level n the roots of the tiles of level n - 1. A tile is written once, when it is
-- full; what is not full yet stands in log_edges.
-- (sqlfluff takes "hashes" for a keyword.)
create table ledger.log_tiles (  -- noqa: PRS
  tenant_id text collate "C" not null,
  level int not null,
  tile_index bigint not null,
  hashes bytea not null,
  primary key (tenant_id, level, tile_index)
);

-- Hashes do not compress.
alter table ledger.log_tiles alter column hashes set storage external;

comment on table ledger.log_tiles is
  'Full tiles of each tenant''s RFC 6962 tree, as in C2SP tlog-tiles: 256 hashes of 32 bytes.';

-- from sql/log/log_blocks.sql
-- One block per seal that found something: what the tree was then. Its hash chains the blocks
-- (docs/leaf-format.md gives the bytes).
create table ledger.log_blocks (
  tenant_id text collate "C" not null,
  block_no bigint not null,
  first_position bigint not null,
  tree_size bigint not null,
  root bytea not null,
  prev_block_hash bytea not null,
  block_hash bytea not null,
  sealed_at timestamptz not null,
  epoch int not null,
  next_xact_id xid8 not null,
  primary key (tenant_id, block_no)
);

-- Finds the block of a position.
create unique index log_blocks_position on ledger.log_blocks (tenant_id, first_position);

comment on table ledger.log_blocks is
  'One row per seal: positions first_position to tree_size - 1 and the root of the tree after '
  'them; block_hash chains them.';
comment on column ledger.log_blocks.next_xact_id is
  'No transaction from this id on was over when the block was sealed. Not hashed; tells late '
  'commits from back-dated rows.';

-- from sql/log/log_sweep.sql
-- What the last seal_all() saw, one row: whatever was committed before is in some tenant's log.
create table ledger.log_sweep (
  is_only boolean primary key default true check (is_only),
  snapshot pg_snapshot not null,
  system_identifier bigint not null
) with (fillfactor = 50);

comment on table ledger.log_sweep is
  'What the last ledger.seal_all() saw: every event of a transaction visible in snapshot is '
  'sealed.';

-- from sql/log/seal_receipt.sql
-- What seal() returns.
create type ledger.seal_receipt as (
  tenant_id text,
  sealed bigint,
  tree_size bigint,
  root bytea,
  block_no bigint
);

comment on type ledger.seal_receipt is
  'How many events a seal gave positions to; tree_size, root and block_no of the log after it.';

-- from sql/log/system_identifier.sql
-- The cluster that this is: transaction ids mean nothing in another one.
create or replace function ledger.system_identifier()
returns bigint
language sql
stable
return (select c.system_identifier from pg_control_system() as c);

comment on function ledger.system_identifier() is
  'Identifier of this cluster; a restored dump or pg_upgrade has another.';

-- from sql/log/committed_snapshot.sql
-- The snapshot of the running statement, the caller's own transaction counted as in progress:
-- pg_current_snapshot() takes it for visible, and what it writes later would never be new.
create or replace function ledger.committed_snapshot()
returns pg_snapshot
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  select case
    when o.xact_id < pg_snapshot_xmax(s.snapshot) then format(
      '%s:%s:%s',
      least(o.xact_id, pg_snapshot_xmin(s.snapshot)),
      pg_snapshot_xmax(s.snapshot),
      (
        select string_agg(x.xact_id::text, ',' order by x.xact_id)
        from (
          select o.xact_id
          union
          select pg_snapshot_xip(s.snapshot)
        ) as x (xact_id)
      )
    )::pg_snapshot
    else s.snapshot
  end
  from (select pg_current_snapshot() as snapshot) as s
  cross join (select pg_current_xact_id_if_assigned() as xact_id) as o;
end;

comment on function ledger.committed_snapshot() is
  'Which transactions are over: pg_current_snapshot() without the caller''s own.';

-- from sql/log/first_sweep.sql
-- Nothing was emitted before the ledger was installed.
insert into ledger.log_sweep (snapshot, system_identifier)
select ledger.committed_snapshot(), ledger.system_identifier()
on conflict do nothing;

-- from sql/log/merkle_root.sql
-- RFC 6962 tree hash over hashes laid end to end: pairs are folded level by level, an odd one at
-- the end moves up as it is. Also right when the last one stands for fewer leaves than the others.
create or replace function ledger.merkle_root(hashes bytea)
returns bytea
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hashes bytea := merkle_root.hashes;
  v_count int := octet_length(merkle_root.hashes) / 32;
begin
  if v_count = 0 then
    return sha256('');
  end if;
  while v_count > 1 loop
    v_hashes := (
      select string_agg(sha256('\x01'::bytea || substr(v_hashes, i * 64 + 1, 64)), '' order by i)
      from generate_series(0, v_count / 2 - 1) as i
    ) || substr(v_hashes, (v_count & -2) * 32 + 1);
    v_count := (v_count + 1) / 2;
  end loop;
  return v_hashes;
end
$$;

comment on function ledger.merkle_root(bytea) is
  'RFC 6962 tree hash over leaf or subtree hashes (32 bytes each, end to end); SHA-256 of nothing '
  'when there are none.';

-- from sql/log/block_hash.sql
create or replace function ledger.block_hash(
  block_no bigint,
  first_position bigint,
  tree_size bigint,
  root bytea,
  prev_block_hash bytea,
  sealed_at timestamptz
)
returns bytea
language sql
immutable
parallel safe
return sha256(
  '\x6167656e742d6576656e74732f626c6f636b2f763100'::bytea || int8send(block_no)
  || int8send(first_position) || int8send(tree_size) || root || prev_block_hash
  || timestamptz_send(sealed_at)
);

comment on function ledger.block_hash(bigint, bigint, bigint, bytea, bytea, timestamptz) is
  'SHA-256 that chains a block to the one before (format agent-events/block/v1).';

-- from sql/log/refuse_other_cluster.sql
-- Transaction ids tell what is sealed only in the cluster, and in the order, that they were given
-- in.
create or replace function ledger.refuse_other_cluster(
  object text,
  snapshot pg_snapshot,
  system_identifier bigint
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if refuse_other_cluster.system_identifier <> ledger.system_identifier() then
    raise exception using
      errcode = 'LG012',
      message = format('%s was sealed in another cluster', refuse_other_cluster.object),
      detail = format(
        'It comes from the cluster %s, this one is %s: a dump was restored, or pg_upgrade ran.',
        refuse_other_cluster.system_identifier, ledger.system_identifier()
      ),
      hint = 'Carry each log over, once: '
        'select ledger.rebase_log(t.tenant_id) from ledger.tenants as t;';
  elsif pg_snapshot_xmax(refuse_other_cluster.snapshot)
    > pg_snapshot_xmax(pg_current_snapshot())
  then
    raise exception using
      errcode = 'LG012',
      message = format('%s was sealed in the future', refuse_other_cluster.object),
      detail = format(
        'The last seal saw transaction %s over, the cluster is at %s: its transaction ids were '
        'set back.',
        pg_snapshot_xmax(refuse_other_cluster.snapshot), pg_snapshot_xmax(pg_current_snapshot())
      ),
      hint = 'Find out what happened to the cluster, then carry each log over: '
        'select ledger.rebase_log(t.tenant_id) from ledger.tenants as t;';
  end if;
end
$$;

comment on function ledger.refuse_other_cluster(text, pg_snapshot, bigint) is
  'Part of seal(): raises LG012 when a snapshot is not of this cluster''s past.';

-- from sql/log/is_past.sql
-- Whether a snapshot is of this cluster's past: only then does it tell what is sealed.
create or replace function ledger.is_past(snapshot pg_snapshot, system_identifier bigint)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  select is_past.system_identifier = ledger.system_identifier()
    and pg_snapshot_xmax(is_past.snapshot) <= pg_snapshot_xmax(pg_current_snapshot());
end;

comment on function ledger.is_past(pg_snapshot, bigint) is
  'Part of seal(): whether a snapshot is of this cluster, and not of its future.';

-- from sql/log/is_far_behind.sql
-- Whether a snapshot is worth writing anew although nothing was sealed.
create or replace function ledger.is_far_behind(snapshot pg_snapshot, now pg_snapshot)
returns boolean
language sql
immutable
parallel safe
return pg_snapshot_xmax(now)::text::bigint - pg_snapshot_xmax(snapshot)::text::bigint > 1000;

comment on function ledger.is_far_behind(pg_snapshot, pg_snapshot) is
  'Part of seal(): whether more than 1,000 transactions lie between two snapshots.';

-- from sql/log/lock_log_head.sql
-- Locks a tenant's log until the transaction ends, making its head with the first seal: there is
-- nothing from before the last sweep. NULL for what is no tenant.
create or replace function ledger.lock_log_head(tenant_id text)
returns ledger.log_heads
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_head ledger.log_heads;
begin
  select h.* into v_head
  from ledger.log_heads as h
  where h.tenant_id = lock_log_head.tenant_id
  for update;
  if not found then
    insert into ledger.log_heads (
      tenant_id, tree_size, root, block_no, block_hash, sealed_at, snapshot, epoch,
      system_identifier
    )
    select
      lock_log_head.tenant_id, 0, sha256(''), 0, sha256(''), clock_timestamp(), s.snapshot, 0,
      s.system_identifier
    from ledger.log_sweep as s
    where exists (
      select from ledger.tenants as t where t.tenant_id = lock_log_head.tenant_id
    )
    on conflict do nothing;
    select h.* into v_head
    from ledger.log_heads as h
    where h.tenant_id = lock_log_head.tenant_id
    for update;
  end if;
  return v_head;
end
$$;

comment on function ledger.lock_log_head(text) is
  'Part of seal(): locks a tenant''s log and returns where it stands; NULL for no tenant.';

-- from sql/log/events_since.sql
-- The events of every transaction that a snapshot has not seen over: those from its end on, and
-- those it saw in progress. What is read is what is new, however long some transaction stays open.
-- Inlined by the planner; OFFSET 0 keeps it from looking by tenant instead, which would read all
-- that a tenant ever emitted.
create or replace function ledger.events_since(since pg_snapshot)
returns table (tenant_id text, created_at timestamptz, id uuid, hash bytea, xact_id xid8)
language sql
stable
begin atomic
  select e.*
  from (
    select e.tenant_id, e.created_at, e.id, e.hash, e.xact_id
    from ledger.agent_events as e
    where e.xact_id >= pg_snapshot_xmax(events_since.since)
      and e.xact_id < pg_snapshot_xmax(pg_current_snapshot())
    union all
    select e.tenant_id, e.created_at, e.id, e.hash, e.xact_id
    from ledger.agent_events as e
    where e.xact_id = any(array(select pg_snapshot_xip(events_since.since)))
  ) as e
  offset 0;  -- noqa: AM09
end;

comment on function ledger.events_since(pg_snapshot) is
  'Part of seal(): events of the transactions that were not over in that snapshot.';

-- from sql/log/unsealed_events.sql
-- The committed events of these tenants that have no position yet. `since` is a snapshot whose
-- events are all sealed; what comes after it is asked about its transaction only, unless is_careful,
-- which asks the log about each event too: transaction ids from before a rebase may come again, and
-- a forged row may carry the id of an event. since => NULL looks at every event there is. STABLE: it
-- sees what the calling statement sees.
create or replace function ledger.unsealed_events(
  tenant_ids text[],
  since pg_snapshot,
  is_careful boolean
)
returns table (tenant_id text, created_at timestamptz, id uuid, hash bytea)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now pg_snapshot := ledger.committed_snapshot();
begin
  if unsealed_events.since is null then
    return query
    select distinct on (e.tenant_id, e.id) e.tenant_id, e.created_at, e.id, e.hash
    from ledger.events as e
    where e.tenant_id = any(unsealed_events.tenant_ids)
      and not exists (
        select from ledger.log_entries as l
        where l.tenant_id = e.tenant_id and l.event_id = e.id
      )
    order by e.tenant_id, e.id, e.created_at;
  elsif unsealed_events.is_careful then
    return query
    select distinct on (e.tenant_id, e.id) e.tenant_id, e.created_at, e.id, e.hash
    from ledger.unsealed_events(unsealed_events.tenant_ids, unsealed_events.since, false) as e
    where not exists (
      select from ledger.log_entries as l
      where l.tenant_id = e.tenant_id and l.event_id = e.id
      offset 0  -- a look into the index per event, never a hash of the whole log
    )
    order by e.tenant_id, e.id, e.created_at;
  else
    return query
    select e.tenant_id, e.created_at, e.id, e.hash
    from ledger.events_since(unsealed_events.since) as e
    join ledger.log_heads as h on h.tenant_id = e.tenant_id
    where e.tenant_id = any(unsealed_events.tenant_ids)
      and pg_visible_in_snapshot(e.xact_id, v_now)
      and not pg_visible_in_snapshot(e.xact_id, h.snapshot);
  end if;
end
$$;

comment on function ledger.unsealed_events(text[], pg_snapshot, boolean) is
  'Part of seal(): committed events without a position; since => NULL looks at every event.';

-- from sql/log/grow_tree.sql
-- Takes the new edge of level 0 and the roots of the tiles that were filled there up the tree:
-- level by level, what fills a tile is written, and the tile's root goes one level up.
create or replace function ledger.grow_tree(tenant_id text, edge bytea, roots bytea)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_level int := 0;
  v_edge bytea := coalesce(grow_tree.edge, '');
  v_roots bytea := grow_tree.roots;
  v_hashes bytea;
  v_full int;
  v_first bigint;
begin
  loop
    insert into ledger.log_edges as g (tenant_id, level, hashes)
    values (grow_tree.tenant_id, v_level, v_edge)
    on conflict (tenant_id, level) do update set hashes = excluded.hashes;
    exit when v_roots is null;

    v_level := v_level + 1;
    v_hashes := coalesce((
      select g.hashes
      from ledger.log_edges as g
      where g.tenant_id = grow_tree.tenant_id and g.level = v_level
    ), '') || v_roots;
    v_full := octet_length(v_hashes) / 8192;
    v_edge := substr(v_hashes, v_full * 8192 + 1);
    v_roots := null;
    if v_full > 0 then
      select coalesce(max(t.tile_index) + 1, 0) into v_first
      from ledger.log_tiles as t
      where t.tenant_id = grow_tree.tenant_id and t.level = v_level;
      insert into ledger.log_tiles (tenant_id, level, tile_index, hashes)
      select grow_tree.tenant_id, v_level, v_first + i, substr(v_hashes, i * 8192 + 1, 8192)
      from generate_series(0, v_full - 1) as i;
      v_roots := (
        select string_agg(ledger.merkle_root(substr(v_hashes, i * 8192 + 1, 8192)), '' order by i)
        from generate_series(0, v_full - 1) as i
      );
    end if;
  end loop;
end
$$;

comment on function ledger.grow_tree(text, bytea, bytea) is
  'Part of seal(): writes the edge of level 0 and takes the roots of new tiles up the tree.';

-- from sql/log/edge_root.sql
-- The root of the tree as it stands: the edges of all levels folded from the right. An empty level
-- changes nothing.
create or replace function ledger.edge_root(tenant_id text)
returns bytea
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hashes bytea;
  v_root bytea := ''::bytea;
begin
  for v_hashes in
    select g.hashes
    from ledger.log_edges as g
    where g.tenant_id = edge_root.tenant_id
    order by g.level
  loop
    if v_hashes <> '' then
      v_root := ledger.merkle_root(v_hashes || v_root);
    end if;
  end loop;
  return coalesce(nullif(v_root, ''), sha256(''));
end
$$;

comment on function ledger.edge_root(text) is
  'Part of seal(): root of a tenant''s tree from its right edge.';

-- from sql/log/close_block.sql
-- Writes the block of a seal and advances the head. Where the setting ledger.notify is 'on' it says so
-- on the channel ledger_log, for subscriptions that wait: once per seal, never per event, because a
-- transaction that notifies holds a lock of the whole cluster while it commits.
create or replace function ledger.close_block(tenant_id text, added bigint, snapshot pg_snapshot)
returns ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_block ledger.log_blocks;
begin
  insert into ledger.log_blocks (
    tenant_id, block_no, first_position, tree_size, root, prev_block_hash, block_hash, sealed_at,
    epoch, next_xact_id
  )
  select
    h.tenant_id, h.block_no + 1, h.tree_size, b.tree_size, b.root, h.block_hash,
    ledger.block_hash(
      h.block_no + 1, h.tree_size, b.tree_size, b.root, h.block_hash, b.sealed_at
    ),
    b.sealed_at, h.epoch, pg_snapshot_xmax(close_block.snapshot)
  from ledger.log_heads as h
  cross join lateral (
    select
      h.tree_size + close_block.added as tree_size,
      ledger.edge_root(h.tenant_id) as root,
      greatest(clock_timestamp(), h.sealed_at) as sealed_at
    offset 0
  ) as b
  where h.tenant_id = close_block.tenant_id
  returning * into strict v_block;

  update ledger.log_heads as h
  set
    tree_size = v_block.tree_size,
    root = v_block.root,
    block_no = v_block.block_no,
    block_hash = v_block.block_hash,
    sealed_at = v_block.sealed_at,
    snapshot = close_block.snapshot
  where h.tenant_id = close_block.tenant_id;
  if ledger.setting('notify') = 'on' then
    perform pg_notify('ledger_log', close_block.tenant_id);
  end if;
  return row(
    v_block.tenant_id, close_block.added, v_block.tree_size, v_block.root, v_block.block_no
  );
end
$$;

comment on function ledger.close_block(text, bigint, pg_snapshot) is
  'Part of seal(): writes the block and advances the head of a tenant''s log.';

-- from sql/log/seal_events.sql
-- The work of seal(), seal_all() and rebase_log(), for tenants whose logs are locked: positions for
-- unsealed_events() in the order (created_at, id), which keeps every stream in order, the tiles
-- that they fill, and a block per tenant.
create or replace function ledger.seal_events(
  tenant_ids text[],
  since pg_snapshot,
  is_careful boolean
)
returns setof ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_new record;
begin
  for v_new in
    with fresh as materialized (
      select
        e.tenant_id,
        e.created_at,
        e.id,
        e.hash,
        h.tree_size - 1
        + row_number() over (partition by e.tenant_id order by e.created_at, e.id) as position
      from ledger.unsealed_events(
        seal_events.tenant_ids, seal_events.since, seal_events.is_careful
      ) as e
      join ledger.log_heads as h on h.tenant_id = e.tenant_id
    ),
    entries as (
      insert into ledger.log_entries (tenant_id, position, created_at, event_id)
      select f.tenant_id, f.position, f.created_at, f.id from fresh as f
    ),
    tiles as materialized (
      select t.tenant_id, t.tile_index, t.added, coalesce(g.hashes, '') || t.hashes as hashes
      from (
        select
          f.tenant_id,
          f.position >> 8 as tile_index,
          min(f.position) as first_position,
          count(*) as added,
          string_agg(f.hash, '' order by f.position) as hashes
        from fresh as f
        group by f.tenant_id, f.position >> 8
      ) as t
      left join ledger.log_edges as g
        on g.tenant_id = t.tenant_id and g.level = 0 and t.first_position & 255 <> 0
    ),
    full_tiles as (
      insert into ledger.log_tiles (tenant_id, level, tile_index, hashes)
      select t.tenant_id, 0, t.tile_index, t.hashes
      from tiles as t
      where octet_length(t.hashes) = 8192
    )
    select
      t.tenant_id,
      sum(t.added)::bigint as added,
      string_agg(ledger.merkle_root(t.hashes), '' order by t.tile_index)
        filter (where octet_length(t.hashes) = 8192) as roots,
      string_agg(t.hashes, '') filter (where octet_length(t.hashes) < 8192) as edge,
      ledger.committed_snapshot() as snapshot
    from tiles as t
    group by t.tenant_id
    order by t.tenant_id
  loop
    perform ledger.grow_tree(v_new.tenant_id, v_new.edge, v_new.roots);
    return next ledger.close_block(v_new.tenant_id, v_new.added, v_new.snapshot);
  end loop;
end
$$;

comment on function ledger.seal_events(text[], pg_snapshot, boolean) is
  'Part of seal(): gives positions to the unsealed events of tenants whose logs are locked.';

-- from sql/log/seal_locked.sql
-- seal_events(), carefully where it has to be: in a log that was carried over from another cluster,
-- or when the unique index on log_entries says that a row carries the id of a sealed event. Such a
-- row is forged; it gets no position, and verify() reports it.
create or replace function ledger.seal_locked(tenant_ids text[], since pg_snapshot)
returns setof ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select r.*
  from ledger.seal_events(seal_locked.tenant_ids, seal_locked.since, exists (
    select from ledger.log_heads as h
    where h.tenant_id = any(seal_locked.tenant_ids) and h.epoch > 0
  )) as r;
exception when unique_violation then
  return query
  select r.* from ledger.seal_events(seal_locked.tenant_ids, seal_locked.since, true) as r;
end
$$;

comment on function ledger.seal_locked(text[], pg_snapshot) is
  'Part of seal(): seals what is new of tenants whose logs are locked.';

-- from sql/log/seal.sql
-- Gives the tenant's newly committed events the next positions, appends them to its tree and
-- closes a block; does nothing when there are none. Locks the tenant's log, no event and no writer.
create or replace function ledger.seal(tenant_id text default null)
returns ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(seal.tenant_id, ledger.setting('tenant_id'), 'default');
  v_head ledger.log_heads;
  v_since pg_snapshot;
  v_seen pg_snapshot;
  v_receipt ledger.seal_receipt;
begin
  perform ledger.require_any(v_tenant_id, '{write,read,relay,consume,operate,audit}');
  v_head := ledger.lock_log_head(v_tenant_id);
  if v_head.tenant_id is null then
    return row(v_tenant_id, 0::bigint, 0::bigint, sha256(''), 0::bigint);
  end if;
  perform ledger.refuse_other_cluster(
    format('the log of tenant %s', v_tenant_id), v_head.snapshot, v_head.system_identifier
  );

  -- What either the last seal or the last sweep has seen is sealed; the later of them leaves less
  -- to look at.
  select s.snapshot into v_since
  from ledger.log_sweep as s
  where ledger.is_past(s.snapshot, s.system_identifier)
    and pg_snapshot_xmax(s.snapshot) > pg_snapshot_xmax(v_head.snapshot);
  v_since := coalesce(v_since, v_head.snapshot);
  v_seen := ledger.committed_snapshot();
  select r.* into v_receipt from ledger.seal_locked(array[v_tenant_id], v_since) as r;
  if not found then
    v_receipt := row(v_tenant_id, 0, v_head.tree_size, v_head.root, v_head.block_no);
    -- So that the other tenants' events are not looked at again in every call.
    update ledger.log_heads as h
    set snapshot = v_seen
    where h.tenant_id = v_tenant_id and ledger.is_far_behind(v_since, v_seen);
  end if;
  return v_receipt;
end
$$;

comment on function ledger.seal(text) is
  'Gives newly committed events of a tenant their positions in its log; LG012 after a restore '
  'into another cluster.';

-- from sql/log/carried_sweep.sql
-- The sweep; or, where it is not of this cluster's past and every log was carried over already, the
-- one that those logs allow: what the earliest of their snapshots has seen.
create or replace function ledger.carried_sweep(sweep ledger.log_sweep)
returns ledger.log_sweep
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_snapshot pg_snapshot;
begin
  if ledger.is_past((carried_sweep.sweep).snapshot, (carried_sweep.sweep).system_identifier)
    or exists (
      select from ledger.tenants as t
      left join ledger.log_heads as h
        on h.tenant_id = t.tenant_id and ledger.is_past(h.snapshot, h.system_identifier)
      where h.tenant_id is null
    )
  then
    return carried_sweep.sweep;
  end if;

  select h.snapshot into v_snapshot
  from ledger.log_heads as h
  order by
    pg_snapshot_xmax(h.snapshot),
    cardinality(array(select pg_snapshot_xip(h.snapshot))) desc
  limit 1;
  return row(true, coalesce(v_snapshot, ledger.committed_snapshot()), ledger.system_identifier());
end
$$;

comment on function ledger.carried_sweep(ledger.log_sweep) is
  'Part of seal_all() and rebase_log(): the sweep, carried over to this cluster once every log is.';

-- from sql/log/sweep_log.sql
-- The work of seal_all(), and of who wants to read on: seals every tenant that has something new, in
-- one pass over the new events. Locks the sweep, and the logs of those tenants in the order of their
-- ids, until the transaction ends. Where another session is at it, waits for it, or (wait => false)
-- leaves it to that one.
create or replace function ledger.sweep_log(wait boolean default true)
returns setof ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_sweep ledger.log_sweep;
  v_seen pg_snapshot;
  v_tenants text[];
begin
  if sweep_log.wait then
    select s.* into strict v_sweep from ledger.log_sweep as s for update;
  else
    -- Who only looks, as an idle relay does, takes no lock and no transaction id.
    select s.* into strict v_sweep from ledger.log_sweep as s;
    if not exists (select from ledger.events_since(v_sweep.snapshot)) then
      return;
    end if;
    select s.* into v_sweep from ledger.log_sweep as s for update skip locked;
    if not found then
      return;
    end if;
  end if;
  v_sweep := ledger.carried_sweep(v_sweep);
  perform ledger.refuse_other_cluster(
    'this ledger', v_sweep.snapshot, v_sweep.system_identifier
  );

  -- Who has something new is found before their logs can be locked: the sweep has seen this
  -- snapshot, the logs will have seen a later one.
  v_seen := ledger.committed_snapshot();
  select array_agg(distinct e.tenant_id order by e.tenant_id) into v_tenants
  from ledger.events_since(v_sweep.snapshot) as e;
  perform ledger.lock_log_head(t.tenant_id) from unnest(v_tenants) as t (tenant_id);
  -- In a statement of its own: a head that was waited for may be later than the last snapshot.
  perform ledger.refuse_other_cluster(
    format('the log of tenant %s', h.tenant_id), h.snapshot, h.system_identifier
  )
  from ledger.log_heads as h
  where h.tenant_id = any(v_tenants);
  return query select r.* from ledger.seal_locked(v_tenants, v_sweep.snapshot) as r;

  update ledger.log_sweep
  set snapshot = v_seen, system_identifier = v_sweep.system_identifier
  where v_tenants is not null
    or ledger.is_far_behind(snapshot, v_seen)
    or not ledger.is_past(snapshot, system_identifier);
end
$$;

comment on function ledger.sweep_log(boolean) is
  'Part of seal_all() and of the relay: seals all tenants with new events.';

-- from sql/log/seal_all.sql
-- seal() for every tenant that has something new, in one pass over the new events. For the roles that
-- operate the ledger; schedule it.
create or replace function ledger.seal_all()
returns setof ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.require_tenant('*', 'operate');
  return query select r.* from ledger.sweep_log() as r;
end
$$;

comment on function ledger.seal_all() is
  'ledger.seal() for all tenants with new events; a row for each that got a block. For '
  'operators of every tenant.';

-- from sql/log/rebase_log.sql
-- Carries a tenant's log over to this cluster, after a dump was restored into it or its transaction
-- ids were set back: gives positions to what the log does not have yet, by comparing every event
-- with it, and begins an epoch whose snapshots are of this cluster. The tree continues, and an event
-- ledger.log_rebased says so. Locks the tenant's log, and seal_all() out.
create or replace function ledger.rebase_log(
  tenant_id text default null,
  reason text default 'restored or moved'
)
returns ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(rebase_log.tenant_id, ledger.setting('tenant_id'), 'default');
  v_sweep ledger.log_sweep;
  v_head ledger.log_heads;
  v_seen pg_snapshot;
  v_receipt ledger.seal_receipt;
begin
  perform ledger.require_tenant(v_tenant_id, 'operate');
  -- The sweep before the head, as seal_all() locks them.
  select s.* into strict v_sweep from ledger.log_sweep as s for update;
  v_head := ledger.lock_log_head(v_tenant_id);
  if v_head.tenant_id is null then
    return row(v_tenant_id, 0::bigint, 0::bigint, sha256(''), 0::bigint);
  end if;
  v_seen := ledger.committed_snapshot();
  update ledger.log_heads as h
  set
    epoch = h.epoch + 1,
    system_identifier = ledger.system_identifier(),
    snapshot = v_seen
  where h.tenant_id = v_tenant_id;
  select r.* into v_receipt from ledger.seal_locked(array[v_tenant_id], null) as r;
  if not found then
    v_receipt := row(v_tenant_id, 0, v_head.tree_size, v_head.root, v_head.block_no);
  end if;
  perform from ledger.emit_event(
    'ledger.log_rebased',
    jsonb_build_object(
      'old_epoch', v_head.epoch, 'new_epoch', v_head.epoch + 1, 'tree_size', v_receipt.tree_size,
      'reason', rebase_log.reason, 'rebased_by', ledger.caller()
    ),
    tenant_id => v_tenant_id
  );

  -- With the last log the sweep is carried over, too.
  v_sweep := ledger.carried_sweep(v_sweep);
  update ledger.log_sweep as s
  set snapshot = v_sweep.snapshot, system_identifier = v_sweep.system_identifier
  where not ledger.is_past(s.snapshot, s.system_identifier);
  return v_receipt;
end
$$;

comment on function ledger.rebase_log(text, text) is
  'Carries a tenant''s log over to this cluster after a restore (LG012): seals what is left and '
  'begins a new epoch; the tree continues. For operators.';

-- from sql/log/log.sql
-- The log as people read it: every sealed event with its position. Row-level security of the
-- tables decides what a reader sees.
create or replace view ledger.log
with (security_barrier = true, security_invoker = true) as
select l.position, e.*  -- noqa: AM04
from ledger.log_entries as l
join ledger.events as e
  on e.tenant_id = l.tenant_id and e.created_at = l.created_at and e.id = l.event_id;

comment on view ledger.log is
  'Sealed events with their positions. Follow it with ledger.read_log().';
comment on column ledger.log.position is 'Position in the tenant''s log, gapless from 0.';

-- from sql/log/wait_for_position.sql
-- Waits until a position is sealed or the time is over, looking every 20 ms at most. Needs a new
-- snapshot per look, which READ COMMITTED gives.
create or replace function ledger.wait_for_position(
  tenant_id text,
  awaited_position bigint,
  wait interval
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_until timestamptz := clock_timestamp() + wait_for_position.wait;
begin
  if wait_for_position.wait not between interval '0' and interval '1 minute' then
    raise exception using
      errcode = 'LG009',
      message = format('wait is %s', wait_for_position.wait),
      hint = 'Wait for a minute at most, and call again.';
  end if;
  while clock_timestamp() < v_until and not exists (
    select from ledger.log_entries as l
    where l.tenant_id = wait_for_position.tenant_id and l.position = wait_for_position.awaited_position
  ) loop
    perform pg_sleep(least(0.02, extract(epoch from v_until - clock_timestamp())));
  end loop;
end
$$;

comment on function ledger.wait_for_position(text, bigint, interval) is
  'Part of read_log(): waits until a position is sealed.';

-- from sql/log/read_log.sql
-- The next page of a tenant's log: what everything downstream reads, with one bigint as cursor. The
-- page of positions comes first and the events after it by key, so that a page costs the same
-- anywhere in a log of any size; with types, and past events in cold files, pages are read until one
-- is full or the log is at its end.
create or replace function ledger.read_log(
  after_position bigint default -1,
  page_size int default 1000,
  event_types text[] default null,
  wait interval default null,
  tenant_id text default null
)
returns setof ledger.log
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(read_log.tenant_id, ledger.setting('tenant_id'), 'default');
  v_after bigint := coalesce(read_log.after_position, -1);
  v_left int := read_log.page_size;
  v_count bigint;
  v_is_dense boolean := read_log.event_types is null;
  v_page record;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  perform ledger.require_page_size(read_log.page_size);
  perform ledger.wait_for_position(v_tenant_id, v_after + 1, read_log.wait);
  loop
    select
      array_agg(l.position order by l.position) as positions,
      array_agg(l.event_id order by l.position) as ids,
      array_agg(l.created_at order by l.position) as times,
      min(l.created_at) as from_time,
      max(l.created_at) as to_time,
      max(l.position) as last_position
    into v_page
    from (
      select l.position, l.event_id, l.created_at
      from ledger.log_entries as l
      where l.tenant_id = v_tenant_id and l.position > v_after
      order by l.position
      limit case when v_is_dense then v_left else 10000 end
    ) as l;
    exit when v_page.positions is null;

    return query
    select p.position, e.*
    from unnest(v_page.positions, v_page.ids, v_page.times) as p (position, id, created_at)
    join ledger.events as e
      on e.tenant_id = v_tenant_id
      and e.created_at between v_page.from_time and v_page.to_time
      and e.created_at = p.created_at
      and e.id = p.id
    where read_log.event_types is null or e.event_type = any(read_log.event_types)
    order by p.position
    limit v_left;
    get diagnostics v_count = row_count;
    v_left := v_left - v_count;
    v_after := v_page.last_position;
    v_is_dense := v_is_dense and v_count = cardinality(v_page.positions);
    exit when v_left = 0 or v_is_dense;
  end loop;
end
$$;

comment on function ledger.read_log(bigint, int, text[], interval, text) is
  'Sealed events after a position, in order, page_size (1 to 10000) at a time; next page: '
  'after_position => position of the last. event_types filters; wait (at most a minute) waits for '
  'the next position to be sealed.';

-- from sql/log/position_of.sql
create or replace function ledger.position_of(event_id uuid, tenant_id text default null)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(position_of.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  return (
    select l.position
    from ledger.log_entries as l
    where l.tenant_id = v_tenant_id and l.event_id = position_of.event_id
  );
end
$$;

comment on function ledger.position_of(uuid, text) is
  'Position of an event in its tenant''s log, from 0; NULL while it is not sealed.';

-- from sql/relay/relays.sql
-- Who takes messages out: one row per destination. A relay is made with its first claim_outbox(), or
-- by set_relay(), and is the same for all tenants; where it stands is in relay_cursors.
create table ledger.relays (
  relay text collate "C" primary key check (relay ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
  is_for_all boolean not null default false,
  event_types text[] check (event_types <> '{}'),
  max_attempts int not null default 10 check (max_attempts between 1 and 1000),
  min_backoff interval not null default interval '1 second' check (min_backoff > interval '0'),
  max_backoff interval not null default interval '1 hour' check (max_backoff >= min_backoff),
  created_at timestamptz not null default clock_timestamp(),
  created_by name not null
);

comment on table ledger.relays is
  'Every destination of the outbox and its settings; change them with ledger.set_relay().';
comment on column ledger.relays.is_for_all is
  'It serves every tenant, also those that are still to come; else those it has a cursor for.';
comment on column ledger.relays.event_types is
  'What it delivers; NULL = every message. The others count as delivered.';
comment on column ledger.relays.max_attempts is
  'After so many failed attempts a message is dead.';
comment on column ledger.relays.min_backoff is
  'Pause after a first failed attempt; it doubles with each, up to max_backoff, and is jittered.';

-- from sql/relay/relay_cursors.sql
-- Where a relay stands in the log of a tenant, and who works there now. One small row is all that
-- delivering a message changes, whatever its size and number.
create table ledger.relay_cursors (
  tenant_id text collate "C" not null,
  relay text collate "C" not null,
  position bigint not null default -1,
  claimed_position bigint not null default -1,
  token bigint not null default 0,
  lease interval not null default interval '0',
  leased_until timestamptz,
  leased_by text,
  claimed_at timestamptz,
  confirmed_at timestamptz,
  primary key (tenant_id, relay),
  check (claimed_position >= position)
) with (fillfactor = 50);

comment on table ledger.relay_cursors is
  'Delivery state of a relay and tenant: the position it reached, and the lease of the worker that '
  'goes on from there. ledger.relay_status shows it with its lag.';
comment on column ledger.relay_cursors.position is
  'Everything up to here is delivered, or parked in ledger.relay_parked; -1 = nothing.';
comment on column ledger.relay_cursors.claimed_position is
  'Everything up to here was handed out under the present lease.';
comment on column ledger.relay_cursors.token is
  'Fencing token of the last lease, the transaction id of its claim: who comes with another one is '
  'too late.';
comment on column ledger.relay_cursors.leased_until is
  'From then on another worker may take over; NULL = it was given back.';

-- from sql/relay/relay_parked.sql
-- The troubled messages, and only they: what was not taken, and what waits behind it because it is of
-- the same aggregate. A row stays, with its history, until its outbox partition is purged.
create table ledger.relay_parked (
  tenant_id text collate "C" not null,
  relay text collate "C" not null,
  position bigint not null,
  event_id uuid not null,
  created_at timestamptz not null,
  aggregate_type text collate "C",
  aggregate_id text collate "C",
  attempts int not null default 0,
  last_error text,
  parked_at timestamptz not null default clock_timestamp(),
  failed_at timestamptz,
  next_attempt_at timestamptz,
  token bigint,
  is_dead boolean not null default false,
  published_at timestamptz,
  discarded_at timestamptz,
  primary key (tenant_id, relay, position)
);

-- The lane of an aggregate, in order; and whose turn it is. Both hold what is still to be delivered.
create index relay_parked_lane
  on ledger.relay_parked (tenant_id, relay, aggregate_type, aggregate_id, position)
  where published_at is null and not is_dead;
create index relay_parked_due on ledger.relay_parked (tenant_id, relay, next_attempt_at)
  where published_at is null and not is_dead and next_attempt_at is not null;

comment on table ledger.relay_parked is
  'Messages that a destination did not take, and those of the same aggregate that wait behind them.';
comment on column ledger.relay_parked.attempts is
  'How often it was tried and not taken; 0 = it waits behind another message of its aggregate.';
comment on column ledger.relay_parked.next_attempt_at is
  'When it is due again; NULL = it waits for those before it.';
comment on column ledger.relay_parked.token is 'The lease under which it was handed out again.';
comment on column ledger.relay_parked.is_dead is
  'It is not tried again and stands in nobody''s way: ledger.requeue_dead(), ledger.discard_dead().';

-- from sql/relay/relay_confirmations.sql
-- When a relay said up to where it had delivered: a row for each confirm_outbox(), that is for a
-- thousand messages where there are many. It answers when a message went out without an UPDATE per
-- message.
create table ledger.relay_confirmations (
  tenant_id text collate "C" not null,
  relay text collate "C" not null,
  through_position bigint not null,
  confirmed_at timestamptz not null,
  primary key (tenant_id, relay, through_position)
);

comment on table ledger.relay_confirmations is
  'Up to which position a relay had delivered, and when; purged with the outbox.';

-- from sql/relay/outbox_claim.sql
-- What claim_outbox() hands out.
create type ledger.outbox_claim as (
  relay text,
  tenant_id text,
  token bigint,
  after_position bigint,
  through_position bigint,
  retries bigint[]  -- noqa: LT01
);

comment on type ledger.outbox_claim is
  'Messages that a worker may deliver while its lease lasts: those at after_position < position <= '
  'through_position, and the parked ones at the positions retries. ledger.read_outbox() gives them.';
comment on column ledger.outbox_claim.token is
  'Fencing token: ledger.confirm_outbox() and ledger.fail_outbox() ask for it.';

-- from sql/relay/outbox_message.sql
-- A message as a relay delivers it: the outbox row and its position in the log.
create type ledger.outbox_message as (
  tenant_id text,
  "position" bigint,
  id uuid,
  aggregate_type text,
  aggregate_id text,
  event_type text,
  schema_version int,
  payload jsonb,
  trace_id uuid,
  correlation_id uuid,
  created_at timestamptz,
  headers jsonb,
  attempts int,
  is_retry boolean
);

comment on type ledger.outbox_message is 'A message of the outbox, with its position in the log.';
comment on column ledger.outbox_message.id is
  'Id of the event, and of the message: what a receiver tells duplicates by.';
comment on column ledger.outbox_message.attempts is 'How often it was tried before and not taken.';
comment on column ledger.outbox_message.is_retry is
  'It was parked: confirm_outbox() wants its position in retried.';

-- from sql/relay/refuse_relay.sql
-- Raises LG009 unless a text can name a relay.
create or replace function ledger.refuse_relay(relay text)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if refuse_relay.relay ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' is not true then
    raise exception using
      errcode = 'LG009',
      message = format('%s is no name of a relay', coalesce(quote_literal(left(relay, 100)), 'NULL')),
      hint = 'Use 1 to 63 letters, digits, ".", "_" or "-", beginning with a letter or digit.';
  end if;
end
$$;

comment on function ledger.refuse_relay(text) is 'Raises LG009 for what cannot name a relay.';

-- from sql/relay/refuse_claim.sql
-- Raises LG009 for arguments that claim_outbox() cannot take.
create or replace function ledger.refuse_claim(
  relay text,
  batch_size int,
  lease interval,
  token bigint,
  tenant_id text
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.refuse_relay(refuse_claim.relay);
  if refuse_claim.batch_size between 1 and 10000 is not true then
    raise exception using
      errcode = 'LG009',
      message = format('batch_size is %s', coalesce(refuse_claim.batch_size::text, 'NULL')),
      hint = 'Claim 1 to 10000 messages at a time.';
  elsif refuse_claim.lease between interval '1 second' and interval '1 hour' is not true then
    raise exception using
      errcode = 'LG009',
      message = format('lease is %s', coalesce(refuse_claim.lease::text, 'NULL')),
      hint = 'A lease lasts for a second to an hour, and is renewed by every claim and confirmation.';
  elsif refuse_claim.token is not null and refuse_claim.tenant_id is null then
    raise exception using
      errcode = 'LG009',
      message = 'a token without a tenant',
      hint = 'A lease is for one tenant: give tenant_id as claim_outbox() returned it.';
  end if;
end
$$;

comment on function ledger.refuse_claim(text, int, interval, bigint, text) is
  'Part of claim_outbox(): raises LG009 for arguments that it cannot take.';

-- from sql/relay/ensure_relay.sql
-- Makes a relay with its first claim. That it serves every tenant, also those that are still to come,
-- is noted: their messages must not be purged before it had them.
create or replace function ledger.ensure_relay(relay text, is_for_all boolean)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if exists (
    select from ledger.relays as r
    where r.relay = ensure_relay.relay and (r.is_for_all or not ensure_relay.is_for_all)
  ) then
    return;
  end if;
  insert into ledger.relays as r (relay, is_for_all, created_by)
  values (ensure_relay.relay, ensure_relay.is_for_all, ledger.caller())
  on conflict (relay) do update set is_for_all = r.is_for_all or excluded.is_for_all;
end
$$;

comment on function ledger.ensure_relay(text, boolean) is
  'Part of claim_outbox(): makes a relay that is not there yet.';

-- from sql/relay/refuse_lease.sql
-- Raises LG014: the worker with this token no longer works there.
create or replace function ledger.refuse_lease(
  relay text,
  token bigint,
  relay_cursor ledger.relay_cursors
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG014',
    message = format(
      'the lease of relay %s with token %s is lost',
      coalesce(refuse_lease.relay, 'NULL'), coalesce(refuse_lease.token::text, 'NULL')
    ),
    detail = case
      when (relay_cursor).token is null then 'Nobody claimed anything there.'
      when (relay_cursor).leased_until is null then 'It was given back, or the relay was rewound.'
      else format(
        '%s has claimed it at %s.', (relay_cursor).leased_by, (relay_cursor).claimed_at
      )
    end,
    hint = 'Drop what you hold and claim anew: what you had not confirmed is delivered by others.';
end
$$;

comment on function ledger.refuse_lease(text, bigint, ledger.relay_cursors) is
  'Part of the relay: raises LG014.';

-- from sql/relay/require_lease.sql
-- The cursor, locked, of a lease that still holds: nobody else has claimed it since. That its time is
-- over does no harm as long as nobody did.
create or replace function ledger.require_lease(relay text, token bigint, tenant_id text)
returns ledger.relay_cursors
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_cursor ledger.relay_cursors;
begin
  select c.* into v_cursor
  from ledger.relay_cursors as c
  where c.tenant_id = require_lease.tenant_id and c.relay = require_lease.relay
  for update;
  if v_cursor.token = require_lease.token and v_cursor.leased_until is not null then
    return v_cursor;
  end if;
  perform ledger.refuse_lease(require_lease.relay, require_lease.token, v_cursor);
  return null;
end
$$;

comment on function ledger.require_lease(text, bigint, text) is
  'Part of the relay: the cursor of a lease, locked; LG014 when the lease is lost.';

-- from sql/relay/lock_cursor.sql
-- The cursor of a relay and tenant, locked until the transaction ends; who changes delivery state
-- begins here. It is made where it is missing. NULL when another session holds it and we do not wait.
create or replace function ledger.lock_cursor(relay text, tenant_id text, wait boolean default true)
returns ledger.relay_cursors
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_cursor ledger.relay_cursors;
begin
  insert into ledger.relay_cursors (tenant_id, relay)
  select lock_cursor.tenant_id, lock_cursor.relay
  where not exists (
    select from ledger.relay_cursors as c
    where c.tenant_id = lock_cursor.tenant_id and c.relay = lock_cursor.relay
  )
  on conflict do nothing;
  if lock_cursor.wait then
    select c.* into v_cursor
    from ledger.relay_cursors as c
    where c.tenant_id = lock_cursor.tenant_id and c.relay = lock_cursor.relay
    for update;
  else
    select c.* into v_cursor
    from ledger.relay_cursors as c
    where c.tenant_id = lock_cursor.tenant_id and c.relay = lock_cursor.relay
    for update skip locked;
  end if;
  return v_cursor;
end
$$;

comment on function ledger.lock_cursor(text, text, boolean) is
  'Part of the relay: the cursor of a relay and tenant, locked.';

-- from sql/relay/has_due_retries.sql
-- Whether some parked message of a relay and tenant may be tried again.
create or replace function ledger.has_due_retries(relay text, tenant_id text)
returns boolean
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from ledger.relay_parked as p
    where p.tenant_id = has_due_retries.tenant_id
      and p.relay = has_due_retries.relay
      and p.published_at is null
      and not p.is_dead
      and p.next_attempt_at <= clock_timestamp()
  )
$$;

comment on function ledger.has_due_retries(text, text) is
  'Part of claim_outbox(): whether a parked message may be tried again.';

-- from sql/relay/find_cursor.sql
-- The cursor that a worker goes on with, locked: of a tenant that it may relay for and nobody works
-- for, where something is to be delivered; the one that was claimed longest ago comes first. What
-- others are just claiming is passed over. NULL when there is nothing to do.
create or replace function ledger.find_cursor(relay text, tenant_ids text[])
returns ledger.relay_cursors
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_head record;
  v_cursor ledger.relay_cursors;
begin
  for v_head in
    select h.tenant_id, h.tree_size
    from ledger.log_heads as h
    left join ledger.relay_cursors as c
      on c.tenant_id = h.tenant_id and c.relay = find_cursor.relay
    where (h.tenant_id = any(find_cursor.tenant_ids) or find_cursor.tenant_ids = '{*}')
      and coalesce(c.leased_until <= clock_timestamp(), true)
      and (
        h.tree_size > coalesce(c.position, -1) + 1
        or h.tenant_id in (
          select p.tenant_id
          from ledger.relay_parked as p
          where p.relay = find_cursor.relay
            and p.published_at is null
            and not p.is_dead
            and p.next_attempt_at <= clock_timestamp()
        )
      )
    order by c.claimed_at nulls first, h.tenant_id
  loop
    v_cursor := ledger.lock_cursor(find_cursor.relay, v_head.tenant_id, wait => false);
    if v_cursor.tenant_id is not null
      and coalesce(v_cursor.leased_until <= clock_timestamp(), true)
      and (
        v_head.tree_size > v_cursor.position + 1
        or ledger.has_due_retries(find_cursor.relay, v_head.tenant_id)
      )
    then
      return v_cursor;
    end if;
  end loop;
  return null;
end
$$;

comment on function ledger.find_cursor(text, text[]) is
  'Part of claim_outbox(): the cursor that a worker goes on with, locked.';

-- from sql/relay/outbox_range.sql
-- Messages of the outbox at a range of positions, in order. The page of positions comes first and
-- each message after it by its key: OFFSET 0 leaves the planner no other way, such as to keep all of
-- a partition at hand that was small when it was analyzed. Inlined by the planner.
create or replace function ledger.outbox_range(
  tenant_id text,
  after_position bigint,
  through_position bigint
)
returns table (
  "position" bigint,
  id uuid,
  aggregate_type text,
  aggregate_id text,
  event_type text,
  schema_version int,
  payload jsonb,
  trace_id uuid,
  correlation_id uuid,
  created_at timestamptz,
  headers jsonb
)
language sql
stable
begin atomic
  select
    l.position, o.id, o.aggregate_type, o.aggregate_id, o.event_type::text, o.schema_version,
    o.payload, o.trace_id, o.correlation_id, o.created_at, o.headers
  from (
    select e.position, e.created_at, e.event_id
    from ledger.log_entries as e
    where e.tenant_id = outbox_range.tenant_id
      and e.position > outbox_range.after_position
      and e.position <= outbox_range.through_position
    order by e.position
    offset 0
  ) as l
  cross join lateral (
    select
      m.id, m.aggregate_type, m.aggregate_id, m.event_type, m.schema_version, m.payload,
      m.trace_id, m.correlation_id, m.created_at, m.headers
    from ledger.outbox as m
    where m.tenant_id = outbox_range.tenant_id
      and m.created_at = l.created_at
      and m.id = l.event_id
    offset 0  -- noqa: AM09
  ) as o;
end;

comment on function ledger.outbox_range(text, bigint, bigint) is
  'Part of the relay: messages at positions after_position < position <= through_position.';

-- from sql/relay/park_followers.sql
-- Parks the messages of a range that belong to an aggregate of which another message is parked:
-- they wait their turn behind it.
create or replace function ledger.park_followers(
  relay text,
  tenant_id text,
  after_position bigint,
  through_position bigint
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
as $$
#variable_conflict use_column
begin
  if not exists (
    select
    from ledger.relay_parked as p
    where p.tenant_id = park_followers.tenant_id
      and p.relay = park_followers.relay
      and p.aggregate_id is not null
      and p.published_at is null
      and not p.is_dead
  ) then
    return;
  end if;

  insert into ledger.relay_parked (
    tenant_id, relay, position, event_id, created_at, aggregate_type, aggregate_id
  )
  select
    park_followers.tenant_id, r.relay, o.position, o.id, o.created_at, o.aggregate_type,
    o.aggregate_id
  from ledger.relays as r
  cross join ledger.outbox_range(
    park_followers.tenant_id, park_followers.after_position, park_followers.through_position
  ) as o
  where r.relay = park_followers.relay
    and (r.event_types is null or o.event_type = any(r.event_types))
    and exists (
      select
      from ledger.relay_parked as p
      where p.tenant_id = park_followers.tenant_id
        and p.relay = park_followers.relay
        and p.aggregate_type = o.aggregate_type
        and p.aggregate_id = o.aggregate_id
        and p.published_at is null
        and not p.is_dead
        and p.position < o.position
    )
  on conflict do nothing;
end
$$;

comment on function ledger.park_followers(text, text, bigint, bigint) is
  'Part of the relay: parks messages of a range behind a parked one of their aggregate.';

-- from sql/relay/take_retries.sql
-- Hands out parked messages whose time has come, and with each those that wait behind it in its
-- lane: their positions. What is handed out under this lease already is not handed out twice.
create or replace function ledger.take_retries(
  relay text,
  tenant_id text,
  token bigint,
  batch_size int
)
returns bigint[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_positions bigint[];
begin
  if not ledger.has_due_retries(take_retries.relay, take_retries.tenant_id) then
    return array[]::bigint[];
  end if;

  with heads as (
    select p.*
    from ledger.relay_parked as p
    where p.tenant_id = take_retries.tenant_id
      and p.relay = take_retries.relay
      and p.published_at is null
      and not p.is_dead
      and p.next_attempt_at <= clock_timestamp()
      and p.token is distinct from take_retries.token
      and not exists (
        select
        from ledger.relay_parked as b
        where b.tenant_id = p.tenant_id
          and b.relay = p.relay
          and b.aggregate_type = p.aggregate_type
          and b.aggregate_id = p.aggregate_id
          and b.position < p.position
          and b.published_at is null
          and not b.is_dead
      )
    order by p.next_attempt_at
    limit take_retries.batch_size
  ),
  taken as (
    select h.position from heads as h
    union all
    select w.position
    from heads as h
    cross join lateral (
      select b.position
      from ledger.relay_parked as b
      where b.tenant_id = h.tenant_id
        and b.relay = h.relay
        and b.aggregate_type = h.aggregate_type
        and b.aggregate_id = h.aggregate_id
        and b.position > h.position
        and b.published_at is null
        and not b.is_dead
        and b.token is distinct from take_retries.token
      order by b.position
      limit take_retries.batch_size
    ) as w
    order by position
    limit take_retries.batch_size
  ),
  marked as (
    update ledger.relay_parked as p
    set token = take_retries.token
    from taken as t
    where p.tenant_id = take_retries.tenant_id
      and p.relay = take_retries.relay
      and p.position = t.position
    returning p.position
  )
  select array_agg(m.position order by m.position) into v_positions from marked as m;
  return coalesce(v_positions, array[]::bigint[]);
end
$$;

comment on function ledger.take_retries(text, text, bigint, int) is
  'Part of claim_outbox(): hands out parked messages that are due, with what waits behind them.';

-- from sql/relay/claim_outbox.sql
-- Hands out the next messages of one tenant to a worker and leases the relay's cursor to it: nobody
-- else delivers for that relay and tenant while the lease lasts, so that aggregates stay in order.
-- With a token it goes on under that lease, behind what it handed out before. What was committed is
-- sealed first, unless another session is at it. Reads no message: rows that travel to a client that
-- is slow, or gone, must not do so under the locks that are taken here. These are the sweep's, those
-- of the logs that are sealed, and the cursor, until the transaction ends: commit at once.
create or replace function ledger.claim_outbox(
  relay text,
  batch_size int default 1000,
  lease interval default interval '30 seconds',
  tenant_id text default null,
  token bigint default null
)
returns setof ledger.outbox_claim
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenants text[] := ledger.permitted_tenants('relay');
  v_token bigint;
  v_cursor ledger.relay_cursors;
  v_after bigint;
  v_through bigint;
  v_retries bigint[];
begin
  perform ledger.refuse_claim(
    claim_outbox.relay, claim_outbox.batch_size, claim_outbox.lease, claim_outbox.token,
    claim_outbox.tenant_id
  );
  perform ledger.require_read_committed('claiming messages');
  if claim_outbox.tenant_id is not null then
    perform ledger.require_tenant(claim_outbox.tenant_id, 'relay');
    v_tenants := array[claim_outbox.tenant_id];
  elsif v_tenants = '{}' then
    perform ledger.require_tenant('*', 'relay');
  end if;
  perform ledger.ensure_relay(claim_outbox.relay, v_tenants = '{*}');
  perform ledger.sweep_log(wait => false);

  if claim_outbox.token is null then
    v_cursor := ledger.find_cursor(claim_outbox.relay, v_tenants);
    v_after := v_cursor.position;
  else
    v_cursor := ledger.require_lease(
      claim_outbox.relay, claim_outbox.token, claim_outbox.tenant_id
    );
    v_after := v_cursor.claimed_position;
  end if;
  if v_cursor.tenant_id is null then
    return;
  end if;

  v_token := coalesce(claim_outbox.token, pg_current_xact_id()::text::bigint);
  select least(v_after + claim_outbox.batch_size, greatest(h.tree_size - 1, v_after))
  into strict v_through
  from ledger.log_heads as h
  where h.tenant_id = v_cursor.tenant_id;
  perform ledger.park_followers(claim_outbox.relay, v_cursor.tenant_id, v_after, v_through);
  v_retries := ledger.take_retries(
    claim_outbox.relay, v_cursor.tenant_id, v_token, claim_outbox.batch_size
  );
  update ledger.relay_cursors as c
  set
    claimed_position = v_through,
    token = v_token,
    lease = claim_outbox.lease,
    leased_until = clock_timestamp() + claim_outbox.lease,
    leased_by = coalesce(nullif(current_setting('application_name'), ''), ledger.caller()),
    claimed_at = clock_timestamp()
  where c.tenant_id = v_cursor.tenant_id and c.relay = claim_outbox.relay;
  if v_through > v_after or v_retries <> '{}' then
    return next row(
      claim_outbox.relay, v_cursor.tenant_id, v_token, v_after, v_through, v_retries
    )::ledger.outbox_claim;
  end if;
end
$$;

comment on function ledger.claim_outbox(text, int, interval, text, bigint) is
  'Leases the next messages of one tenant to a worker of a relay: one row, or none when nothing is '
  'due. Then: select * from ledger.read_outbox(claim), deliver, ledger.confirm_outbox(). token (with '
  'its tenant_id) goes on under a lease that you hold; LG014 when it is lost. The relay is made with '
  'its first claim, and begins with the oldest message.';

-- from sql/relay/read_outbox.sql
-- The messages of a claim: those that are tried again, then the new ones in the order of the log.
-- What was parked or delivered since the claim is left out. Locks nothing, so that it may take as
-- long as the client wants. Volatile: in one statement with the claim it sees what that one parked.
-- Messages are found by key one after the other, whatever statistics say.
create or replace function ledger.read_outbox(claim ledger.outbox_claim)
returns setof ledger.outbox_message
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
as $$
#variable_conflict use_column
declare
  v_claim ledger.outbox_claim := read_outbox.claim;
  v_cursor ledger.relay_cursors;
  v_event_types text[];
  v_parked bigint[];
begin
  perform ledger.require_tenant(v_claim.tenant_id, 'relay');
  select c.* into v_cursor
  from ledger.relay_cursors as c
  where c.tenant_id = v_claim.tenant_id and c.relay = v_claim.relay;
  if (v_cursor.token = v_claim.token and v_cursor.leased_until is not null) is not true then
    perform ledger.refuse_lease(v_claim.relay, v_claim.token, v_cursor);
  end if;

  if v_claim.retries <> '{}' then
    return query
    select
      p.tenant_id, p.position, o.id, o.aggregate_type, o.aggregate_id, o.event_type::text,
      o.schema_version, o.payload, o.trace_id, o.correlation_id, o.created_at, o.headers,
      p.attempts, true
    from ledger.relay_parked as p
    cross join lateral (
      select m.*
      from ledger.outbox as m
      where m.tenant_id = p.tenant_id and m.created_at = p.created_at and m.id = p.event_id
      offset 0
    ) as o
    where p.tenant_id = v_claim.tenant_id
      and p.relay = v_claim.relay
      and p.position = any(v_claim.retries)
      and p.token = v_claim.token
      and p.published_at is null
      and not p.is_dead
    order by p.position;
  end if;

  select r.event_types into v_event_types from ledger.relays as r where r.relay = v_claim.relay;
  v_parked := array(
    select p.position
    from ledger.relay_parked as p
    where p.tenant_id = v_claim.tenant_id
      and p.relay = v_claim.relay
      and p.position > v_claim.after_position
      and p.position <= v_claim.through_position
  );
  return query
  select
    v_claim.tenant_id, o.position, o.id, o.aggregate_type, o.aggregate_id, o.event_type,
    o.schema_version, o.payload, o.trace_id, o.correlation_id, o.created_at, o.headers, 0, false
  from ledger.outbox_range(
    v_claim.tenant_id, v_claim.after_position, v_claim.through_position
  ) as o
  where o.position <> all(v_parked)
    and (v_event_types is null or o.event_type = any(v_event_types))
  order by o.position;
end
$$;

comment on function ledger.read_outbox(ledger.outbox_claim) is
  'The messages of a claim, retries first, then in the order of the log; none where the events of '
  'the range are not published or of other types: confirm through_position and claim again. LG014 '
  'when the lease is lost.';

-- from sql/relay/wake_lane.sql
-- The first message that waits in the lane of an aggregate is due now, unless it has its time already.
create or replace function ledger.wake_lane(
  relay text,
  tenant_id text,
  aggregate_type text,
  aggregate_id text
)
returns void
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  update ledger.relay_parked as p
  set next_attempt_at = clock_timestamp()
  where p.tenant_id = wake_lane.tenant_id
    and p.relay = wake_lane.relay
    and p.next_attempt_at is null
    and p.position = (
      select w.position
      from ledger.relay_parked as w
      where w.tenant_id = wake_lane.tenant_id
        and w.relay = wake_lane.relay
        and w.aggregate_type = wake_lane.aggregate_type
        and w.aggregate_id = wake_lane.aggregate_id
        and w.published_at is null
        and not w.is_dead
      order by w.position
      limit 1
    )
$$;

comment on function ledger.wake_lane(text, text, text, text) is
  'Part of the relay: the next parked message of an aggregate is due now.';

-- from sql/relay/settle_retries.sql
-- Parked messages that were delivered after all; the lanes they stood in go on.
create or replace function ledger.settle_retries(
  relay text,
  tenant_id text,
  token bigint,
  positions bigint[]
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_lane record;
begin
  for v_lane in
    with settled as (
      update ledger.relay_parked as p
      set published_at = clock_timestamp(), next_attempt_at = null
      where p.tenant_id = settle_retries.tenant_id
        and p.relay = settle_retries.relay
        and p.position = any(settle_retries.positions)
        and p.token = settle_retries.token
        and p.published_at is null
        and not p.is_dead
      returning p.aggregate_type, p.aggregate_id
    )
    select distinct s.aggregate_type, s.aggregate_id
    from settled as s
    where s.aggregate_id is not null
  loop
    perform ledger.wake_lane(
      settle_retries.relay, settle_retries.tenant_id, v_lane.aggregate_type, v_lane.aggregate_id
    );
  end loop;
end
$$;

comment on function ledger.settle_retries(text, text, bigint, bigint[]) is
  'Part of confirm_outbox(): parked messages were delivered.';

-- from sql/relay/confirm_outbox.sql
-- A worker says what it has delivered: everything that was handed out up to a position, and retries
-- by theirs. Renews the lease, or gives it back. Locks the cursor.
create or replace function ledger.confirm_outbox(
  relay text,
  token bigint,
  through_position bigint default null,
  retried bigint[] default '{}',
  release boolean default false,
  tenant_id text default null
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(confirm_outbox.tenant_id, ledger.setting('tenant_id'), 'default');
  v_cursor ledger.relay_cursors;
  v_through bigint;
begin
  perform ledger.require_tenant(v_tenant_id, 'relay');
  v_cursor := ledger.require_lease(confirm_outbox.relay, confirm_outbox.token, v_tenant_id);
  v_through := greatest(confirm_outbox.through_position, v_cursor.position);
  if v_through > v_cursor.claimed_position then
    raise exception using
      errcode = 'LG009',
      message = format('position %s was not handed out', confirm_outbox.through_position),
      detail = format(
        'Relay %s claimed up to %s for tenant %s.',
        confirm_outbox.relay, v_cursor.claimed_position, v_tenant_id
      ),
      hint = 'Confirm positions that claim_outbox() returned.';
  end if;

  if confirm_outbox.retried <> '{}' then
    perform ledger.settle_retries(
      confirm_outbox.relay, v_tenant_id, confirm_outbox.token, confirm_outbox.retried
    );
  end if;
  if v_through > v_cursor.position then
    insert into ledger.relay_confirmations (tenant_id, relay, through_position, confirmed_at)
    values (v_tenant_id, confirm_outbox.relay, v_through, clock_timestamp());
  end if;
  update ledger.relay_cursors as c
  set
    position = v_through,
    leased_until = case
      when confirm_outbox.release is not true then clock_timestamp() + c.lease
    end,
    confirmed_at = case
      when v_through > c.position or confirm_outbox.retried <> '{}' then clock_timestamp()
      else c.confirmed_at
    end
  where c.tenant_id = v_tenant_id and c.relay = confirm_outbox.relay;
end
$$;

comment on function ledger.confirm_outbox(text, bigint, bigint, bigint[], boolean, text) is
  'Everything handed out up to through_position is delivered (or parked by fail_outbox()), and so are '
  'the retries at the positions retried. Renews the lease of the token; release => true gives it '
  'back. LG014 when the lease is lost: nothing is confirmed.';

-- from sql/relay/backoff.sql
-- Pause before the next attempt: doubling from min_backoff, at most max_backoff, and between half and
-- all of that by chance, so that what failed together does not come back together; or retry_after, what
-- was asked for, if that is longer.
create or replace function ledger.backoff(
  attempts int,
  min_backoff interval,
  max_backoff interval,
  retry_after interval
)
returns interval
language sql
volatile
set search_path = pg_catalog, pg_temp
return greatest(
  make_interval(
    secs => (0.5 + random() / 2) * least(
      extract(epoch from backoff.max_backoff)::double precision,
      extract(epoch from backoff.min_backoff)::double precision
      * 2.0::double precision ^ least(backoff.attempts - 1, 60)
    )
  ),
  coalesce(backoff.retry_after, interval '0')
);

comment on function ledger.backoff(int, interval, interval, interval) is
  'Part of fail_outbox() and fail_event(): the pause before the next attempt.';

-- from sql/relay/park_message.sql
-- Parks a message that was handed out, unless it is parked already; returns its row.
create or replace function ledger.park_message(relay text, tenant_id text, "position" bigint)
returns ledger.relay_parked
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_parked ledger.relay_parked;
begin
  insert into ledger.relay_parked (
    tenant_id, relay, position, event_id, created_at, aggregate_type, aggregate_id
  )
  select
    park_message.tenant_id, park_message.relay, o.position, o.id, o.created_at,
    o.aggregate_type, o.aggregate_id
  from ledger.outbox_range(
    park_message.tenant_id, park_message.position - 1, park_message.position
  ) as o
  on conflict do nothing;
  select p.* into v_parked
  from ledger.relay_parked as p
  where p.tenant_id = park_message.tenant_id
    and p.relay = park_message.relay
    and p.position = park_message.position
    and p.published_at is null
    and not p.is_dead;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format('no message at position %s can fail', park_message.position),
      detail = 'It is dead or delivered already, or the event there is not published.',
      hint = 'Give the position of a message that read_outbox() returned.';
  end if;
  return v_parked;
end
$$;

comment on function ledger.park_message(text, text, bigint) is
  'Part of fail_outbox(): the row of a parked message, made if need be.';

-- from sql/relay/fail_outbox.sql
-- A destination did not take a message: it is parked and tried again later, or is dead after
-- max_attempts. While it is not dead, what was handed out of the same aggregate waits behind it: the
-- worker drops those unsent. Everything else flows on. Locks the cursor.
create or replace function ledger.fail_outbox(
  relay text,
  token bigint,
  "position" bigint,
  error text,
  retry_after interval default null,
  is_permanent boolean default false,
  tenant_id text default null
)
returns ledger.relay_parked
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(fail_outbox.tenant_id, ledger.setting('tenant_id'), 'default');
  v_cursor ledger.relay_cursors;
  v_relay ledger.relays;
  v_parked ledger.relay_parked;
begin
  perform ledger.require_tenant(v_tenant_id, 'relay');
  v_cursor := ledger.require_lease(fail_outbox.relay, fail_outbox.token, v_tenant_id);
  select r.* into strict v_relay from ledger.relays as r where r.relay = fail_outbox.relay;
  if fail_outbox.position <= v_cursor.claimed_position is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'position %s was not handed out', coalesce(fail_outbox.position::text, 'NULL')
      ),
      hint = 'Give the position of a message that read_outbox() returned.';
  end if;

  v_parked := ledger.park_message(fail_outbox.relay, v_tenant_id, fail_outbox.position);
  update ledger.relay_parked as p
  set
    attempts = p.attempts + 1,
    last_error = left(coalesce(fail_outbox.error, 'no reason given'), 2000),
    failed_at = clock_timestamp(),
    token = null,
    is_dead = fail_outbox.is_permanent is true or p.attempts + 1 >= v_relay.max_attempts,
    next_attempt_at = case
      when fail_outbox.is_permanent is not true and p.attempts + 1 < v_relay.max_attempts
        then clock_timestamp() + ledger.backoff(
          p.attempts + 1, v_relay.min_backoff, v_relay.max_backoff,
          least(coalesce(fail_outbox.retry_after, interval '0'), interval '1 day')
        )
    end
  where p.tenant_id = v_tenant_id
    and p.relay = fail_outbox.relay
    and p.position = fail_outbox.position
  returning p.* into v_parked;

  if v_parked.aggregate_id is not null then
    if v_parked.is_dead then
      perform ledger.wake_lane(
        fail_outbox.relay, v_tenant_id, v_parked.aggregate_type, v_parked.aggregate_id
      );
    else
      perform ledger.park_followers(
        fail_outbox.relay, v_tenant_id, greatest(v_cursor.position, v_parked.position),
        v_cursor.claimed_position
      );
      update ledger.relay_parked as p
      set token = null, next_attempt_at = null
      where p.tenant_id = v_tenant_id
        and p.relay = fail_outbox.relay
        and p.aggregate_type = v_parked.aggregate_type
        and p.aggregate_id = v_parked.aggregate_id
        and p.position > v_parked.position
        and p.published_at is null
        and not p.is_dead;
    end if;
  end if;
  return v_parked;
end
$$;

comment on function ledger.fail_outbox(text, bigint, bigint, text, interval, boolean, text) is
  'The destination did not take the message at this position: it is parked, and tried again after a '
  'pause that doubles (at least retry_after, up to a day), or is dead (is_permanent, or after the '
  'relay''s max_attempts). What was handed out of its aggregate after it must not be delivered now. Returns '
  'its row: attempts, next_attempt_at, is_dead. LG014 when the lease is lost.';

-- from sql/relay/relay_tenants.sql
-- Which tenants each relay serves, and where it stands: those it has a cursor for and, where it serves
-- all, those that nobody has claimed yet.
create or replace view ledger.relay_tenants as
select
  r.relay, h.tenant_id, h.tree_size, coalesce(c.position, -1) as position, c.leased_by,
  c.leased_until, c.claimed_at, c.confirmed_at
from ledger.relays as r
cross join ledger.log_heads as h
left join ledger.relay_cursors as c on c.tenant_id = h.tenant_id and c.relay = r.relay
where r.is_for_all or c.tenant_id is not null;

comment on view ledger.relay_tenants is
  'Part of relay_status and of purging: every relay and tenant that it serves, and the position '
  'it reached.';

-- from sql/relay/relay_status.sql
-- How far behind every relay is, and what it has trouble with. What is not sealed yet is not counted:
-- the next claim seals it. For the tenants that you may relay, operate or read.
create or replace view ledger.relay_status with (security_barrier = true) as
select
  t.relay,
  t.tenant_id,
  t.position,
  t.tree_size - 1 - t.position as lag_messages,
  coalesce(
    extract(epoch from clock_timestamp() - next_entry.created_at), 0
  )::double precision as lag_seconds,
  parked.parked,
  parked.dead,
  case when t.leased_until > clock_timestamp() then t.leased_by end as leased_by,
  case when t.leased_until > clock_timestamp() then t.leased_until end as leased_until,
  t.claimed_at,
  t.confirmed_at
from ledger.relay_tenants as t
left join ledger.log_entries as next_entry
  on next_entry.tenant_id = t.tenant_id and next_entry.position = t.position + 1
cross join lateral (
  select
    count(*) filter (where p.published_at is null and not p.is_dead) as parked,
    count(*) filter (where p.is_dead and p.discarded_at is null) as dead
  from ledger.relay_parked as p
  where p.tenant_id = t.tenant_id and p.relay = t.relay
) as parked
where (
  t.tenant_id = any((select ledger.permitted_for_any('{relay,operate,read}'))::text[])
  or '*' = any((select ledger.permitted_for_any('{relay,operate,read}'))::text[])
);

comment on view ledger.relay_status is
  'Per relay and tenant: how far it is (position), how far behind in messages and seconds, parked and '
  'dead messages, and who works there: select * from ledger.relay_status order by lag_seconds desc;';
comment on column ledger.relay_status.lag_messages is
  'Positions of the log behind it; events that are not published count too.';
comment on column ledger.relay_status.lag_seconds is
  'Age of the oldest event that is not delivered, 0 when there is none. Parked messages do not count.';
comment on column ledger.relay_status.parked is
  'Messages that wait to be tried again, or behind such a one.';
comment on column ledger.relay_status.dead is
  'Messages that are given up until ledger.requeue_dead().';

-- from sql/relay/outbox_status.sql
-- The outbox as it is known from tables that are updated per message: who published what, when, and
-- how often it was tried. Computed, so that delivering updates nothing. A row per message and relay
-- that serves its tenant; none where the relay does not deliver such events.
create or replace view ledger.outbox_status with (security_barrier = true) as
select
  t.relay,
  o.tenant_id,
  l.position,
  o.id,
  o.event_type::text as event_type,
  o.aggregate_type,
  o.aggregate_id,
  o.created_at,
  case
    when p.position is not null then p.published_at
    when l.position <= t.position then (
      select f.confirmed_at
      from ledger.relay_confirmations as f
      where f.tenant_id = t.tenant_id
        and f.relay = t.relay
        and f.through_position >= l.position
      order by f.through_position
      limit 1
    )
  end as published_at,
  coalesce(
    p.attempts + (p.published_at is not null)::int, (l.position <= t.position)::int, 0
  ) as attempts,
  p.last_error,
  p.next_attempt_at,
  coalesce(p.is_dead, false) as is_dead,
  p.discarded_at
from ledger.outbox as o
join ledger.relay_tenants as t on t.tenant_id = o.tenant_id
join ledger.relays as r on r.relay = t.relay
left join ledger.log_entries as l on l.tenant_id = o.tenant_id and l.event_id = o.id
left join ledger.relay_parked as p
  on p.tenant_id = o.tenant_id and p.relay = t.relay and p.position = l.position
where (r.event_types is null or o.event_type = any(r.event_types))
  and (
    o.tenant_id = any((select ledger.permitted_for_any('{relay,operate,read}'))::text[])
    or '*' = any((select ledger.permitted_for_any('{relay,operate,read}'))::text[])
  );

comment on view ledger.outbox_status is
  'Every message of the outbox per relay: published_at, attempts, last_error, next_attempt_at, '
  'is_dead. Say which: select * from ledger.outbox_status where relay = ''nats'' and is_dead;';
comment on column ledger.outbox_status.position is 'Position in the log; NULL = not sealed yet.';
comment on column ledger.outbox_status.published_at is
  'When a worker confirmed it; NULL = it has not, or the relay was rewound since.';
comment on column ledger.outbox_status.attempts is
  'How often it was tried; deliveries that a crash left unconfirmed are not counted.';

-- from sql/relay/set_relay.sql
-- Makes a relay, or sets all its settings anew: what is not given gets its default. Locks its row.
create or replace function ledger.set_relay(
  relay text,
  event_types text[] default null,
  max_attempts int default 10,
  min_backoff interval default interval '1 second',
  max_backoff interval default interval '1 hour'
)
returns ledger.relays
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_relay ledger.relays;
begin
  perform ledger.require_tenant('*', 'operate');
  perform ledger.refuse_relay(set_relay.relay);
  insert into ledger.relays as r (
    relay, event_types, max_attempts, min_backoff, max_backoff, created_by
  )
  values (
    set_relay.relay, set_relay.event_types, set_relay.max_attempts, set_relay.min_backoff,
    set_relay.max_backoff, ledger.caller()
  )
  on conflict (relay) do update
  set
    event_types = excluded.event_types,
    max_attempts = excluded.max_attempts,
    min_backoff = excluded.min_backoff,
    max_backoff = excluded.max_backoff
  returning r.* into v_relay;
  return v_relay;
exception when check_violation or not_null_violation then
  raise exception using
    errcode = 'LG009',
    message = format('relay %s cannot be set like that', set_relay.relay),
    detail = 'event_types: NULL or at least one; max_attempts: 1 to 1000; 0 < min_backoff <= '
      'max_backoff.',
    hint = 'select ledger.set_relay(''billing'', event_types => ''{invoice.sent}'', '
      'max_attempts => 20);';
end
$$;

comment on function ledger.set_relay(text, text[], int, interval, interval) is
  'Makes a relay, or sets its settings anew: which event types it delivers (NULL = all), attempts '
  'before a message is dead, pauses between them. For operators of every tenant.';

-- from sql/relay/drop_relay.sql
-- Forgets a relay: its cursors, what it parked and its history, for all tenants. Nothing waits for it
-- any longer. Workers that hold a lease get LG014. Locks its cursors.
create or replace function ledger.drop_relay(relay text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform ledger.require_tenant('*', 'operate');
  delete from ledger.relays as r where r.relay = drop_relay.relay;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format('there is no relay %s', coalesce(quote_literal(drop_relay.relay), 'NULL')),
      hint = 'select * from ledger.relay_status;';
  end if;
  delete from ledger.relay_cursors as c where c.relay = drop_relay.relay;
  delete from ledger.relay_parked as p where p.relay = drop_relay.relay;
  delete from ledger.relay_confirmations as f where f.relay = drop_relay.relay;
end
$$;

comment on function ledger.drop_relay(text) is
  'Forgets a relay and where it stood, for all tenants; it begins anew when it claims again. For '
  'operators of every tenant.';

-- from sql/relay/rewind_relay.sql
-- Has a relay go on elsewhere in the log of a tenant: back, to deliver again; or forth, to pass over.
-- Who holds a lease loses it (LG014). What was parked from there on is delivered in the ordinary
-- way. Refused where the messages were purged. Locks the cursor, and purging out.
create or replace function ledger.rewind_relay(
  relay text,
  to_position bigint,
  tenant_id text default null
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(rewind_relay.tenant_id, ledger.setting('tenant_id'), 'default');
  v_purged_until timestamptz;
begin
  perform ledger.require_tenant(v_tenant_id, 'operate');
  perform ledger.require_read_committed('rewinding a relay');
  lock table ledger.relays in row exclusive mode;
  if not exists (select from ledger.relays as r where r.relay = rewind_relay.relay) then
    raise exception using
      errcode = 'LG009',
      message = format('there is no relay %s', coalesce(quote_literal(rewind_relay.relay), 'NULL')),
      hint = 'select * from ledger.relay_status;';
  elsif exists (
    select from ledger.log_heads as h
    where h.tenant_id = v_tenant_id and rewind_relay.to_position between 0 and h.tree_size
  ) is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'the log of tenant %s has no position %s',
        v_tenant_id, coalesce(rewind_relay.to_position::text, 'NULL')
      ),
      hint = '0 begins anew; the tree_size in ledger.log_heads passes everything over.';
  end if;
  select max(p.to_time) into v_purged_until
  from ledger.partitions as p
  where p.parent_name = 'outbox' and p.tier = 'dropped';
  if exists (
    select
    from ledger.log_entries as l
    where l.tenant_id = v_tenant_id
      and l.position = rewind_relay.to_position
      and l.created_at < v_purged_until
  ) then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('the messages at position %s are purged', rewind_relay.to_position),
      detail = format('The outbox was purged up to %s.', v_purged_until),
      hint = 'The events are still there: ledger.read_log() gives them from any position.';
  end if;

  perform ledger.lock_cursor(rewind_relay.relay, v_tenant_id);
  -- What comes before it stays confirmed as it was.
  insert into ledger.relay_confirmations (tenant_id, relay, through_position, confirmed_at)
  select f.tenant_id, f.relay, rewind_relay.to_position - 1, f.confirmed_at
  from ledger.relay_confirmations as f
  where f.tenant_id = v_tenant_id
    and f.relay = rewind_relay.relay
    and f.through_position >= rewind_relay.to_position - 1
    and rewind_relay.to_position > 0
  order by f.through_position
  limit 1
  on conflict do nothing;
  update ledger.relay_cursors as c
  set
    position = rewind_relay.to_position - 1,
    claimed_position = rewind_relay.to_position - 1,
    token = 0,
    leased_until = null
  where c.tenant_id = v_tenant_id and c.relay = rewind_relay.relay;
  delete from ledger.relay_parked as p
  where p.tenant_id = v_tenant_id
    and p.relay = rewind_relay.relay
    and p.position >= rewind_relay.to_position;
  delete from ledger.relay_confirmations as f
  where f.tenant_id = v_tenant_id
    and f.relay = rewind_relay.relay
    and f.through_position >= rewind_relay.to_position;
end
$$;

comment on function ledger.rewind_relay(text, bigint, text) is
  'The next message that the relay delivers for the tenant is the one at to_position; receivers know '
  'what they had before by its id. 55000 where the outbox was purged. For operators.';

-- from sql/relay/dead_positions.sql
-- The cursor, locked, and the dead messages that a call is about: one, or all of a relay and tenant.
create or replace function ledger.dead_positions(relay text, tenant_id text, "position" bigint)
returns bigint[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_positions bigint[];
begin
  perform ledger.require_any(dead_positions.tenant_id, '{operate,relay}');
  perform
  from ledger.relay_cursors as c
  where c.tenant_id = dead_positions.tenant_id and c.relay = dead_positions.relay
  for update;
  v_positions := array(
    select p.position
    from ledger.relay_parked as p
    where p.tenant_id = dead_positions.tenant_id
      and p.relay = dead_positions.relay
      and p.is_dead
      and p.discarded_at is null
      and (dead_positions.position is null or p.position = dead_positions.position)
    order by p.position
  );
  if dead_positions.position is not null and v_positions = '{}' then
    raise exception using
      errcode = 'LG009',
      message = format(
        'relay %s has no dead message at position %s of tenant %s',
        dead_positions.relay, dead_positions.position, dead_positions.tenant_id
      ),
      hint = 'select * from ledger.outbox_status where is_dead;';
  end if;
  return v_positions;
end
$$;

comment on function ledger.dead_positions(text, text, bigint) is
  'Part of requeue_dead() and discard_dead(): which messages are meant.';

-- from sql/relay/requeue_dead.sql
-- Dead messages are tried again, with all their attempts before them. Later messages of the same
-- aggregate that are still to come wait behind them; those that went out meanwhile did not.
create or replace function ledger.requeue_dead(
  relay text,
  "position" bigint default null,
  tenant_id text default null
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(requeue_dead.tenant_id, ledger.setting('tenant_id'), 'default');
  v_positions bigint[];
begin
  v_positions := ledger.dead_positions(requeue_dead.relay, v_tenant_id, requeue_dead.position);
  update ledger.relay_parked as p
  set is_dead = false, attempts = 0, next_attempt_at = clock_timestamp(), token = null
  where p.tenant_id = v_tenant_id
    and p.relay = requeue_dead.relay
    and p.position = any(v_positions);
  return cardinality(v_positions);
end
$$;

comment on function ledger.requeue_dead(text, bigint, text) is
  'Dead messages of a relay are tried again at once: the one at this position, or all (NULL). Returns '
  'how many.';

-- from sql/relay/discard_dead.sql
-- Gives dead messages up for good: they stay in outbox_status with who and why, and no longer keep
-- their outbox partition from being purged.
create or replace function ledger.discard_dead(
  relay text,
  "position" bigint,
  reason text,
  tenant_id text default null
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(discard_dead.tenant_id, ledger.setting('tenant_id'), 'default');
  v_positions bigint[];
begin
  perform ledger.require_reason('reason', discard_dead.reason);
  v_positions := ledger.dead_positions(discard_dead.relay, v_tenant_id, discard_dead.position);
  update ledger.relay_parked as p
  set
    discarded_at = clock_timestamp(),
    last_error = format(
      '%s [discarded by %s: %s]', p.last_error, ledger.caller(), discard_dead.reason
    )
  where p.tenant_id = v_tenant_id
    and p.relay = discard_dead.relay
    and p.position = any(v_positions);
  return cardinality(v_positions);
end
$$;

comment on function ledger.discard_dead(text, bigint, text, text) is
  'Gives dead messages of a relay up: the one at this position, or all (NULL). Returns how many.';

-- from sql/outbox/relays_behind.sql
-- Who still has to deliver messages of before a time, as far as a look at each cursor can tell: the
-- event it comes to next is older, or a parked message is. That later positions may hold an older
-- event, of a transaction that took long, require_delivered() looks after.
create or replace function ledger.relays_behind(before_time timestamptz)
returns table (relay text, tenant_id text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.relay, t.tenant_id
  from ledger.relay_tenants as t
  where exists (
      select
      from ledger.log_entries as l
      where l.tenant_id = t.tenant_id
        and l.position = t.position + 1
        and l.created_at < relays_behind.before_time
    )
    or exists (
      select
      from ledger.relay_parked as p
      where p.tenant_id = t.tenant_id
        and p.relay = t.relay
        and p.published_at is null
        and p.discarded_at is null
        and p.created_at < relays_behind.before_time
    )
$$;

comment on function ledger.relays_behind(timestamptz) is
  'Part of purging the outbox: relays and tenants with something to deliver from before a time.';

-- from sql/outbox/require_delivered.sql
-- Raises 55000 unless every message of a partition of the outbox is sealed and every relay of its
-- tenant has delivered it; returns how many there are. Reads all of it, once.
create or replace function ledger.require_delivered(partition_name name)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_messages bigint;
  v_unsealed bigint;
  v_undelivered bigint;
  v_parked bigint;
begin
  execute format(
    $query$
      with reached as (
        select t.tenant_id, min(t.position) as position
        from ledger.relay_tenants as t
        group by t.tenant_id
      )
      select
        count(*) as messages,
        count(*) filter (where l.position is null) as unsealed,
        count(*) filter (where l.position > r.position) as undelivered,
        count(*) filter (
          where exists (
            select
            from ledger.relay_parked as p
            where p.tenant_id = o.tenant_id
              and p.position = l.position
              and p.published_at is null
              and p.discarded_at is null
          )
        ) as parked
      from ledger.%I as o
      left join ledger.log_entries as l on l.tenant_id = o.tenant_id and l.event_id = o.id
      left join reached as r on r.tenant_id = o.tenant_id
    $query$,
    require_delivered.partition_name
  ) into v_messages, v_unsealed, v_undelivered, v_parked;
  if v_unsealed + v_undelivered + v_parked > 0 then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format(
        '%s holds messages that are still to be delivered', require_delivered.partition_name
      ),
      detail = format(
        '%s are not sealed, %s not delivered, %s parked or dead.',
        v_unsealed, v_undelivered, v_parked
      ),
      hint = 'select * from ledger.relay_status; requeue or discard what is dead, drop_relay() what '
        'no longer runs.';
  end if;
  return v_messages;
end
$$;

comment on function ledger.require_delivered(name) is
  'Part of purge_outbox(): 55000 unless all relays have delivered a partition; counts its messages.';

-- from sql/outbox/permit_purge.sql
-- Decides whether a partition of the outbox may be dropped, and records that it is. Locks writers out
-- of it, to whom nothing new comes any longer, and rewind_relay(). Runs as ledger_append: nobody else
-- can write the row that the guards go by.
create or replace function ledger.permit_purge(partition_name name)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_count bigint;
  v_event_id uuid;
begin
  perform ledger.require_tenant('*', 'operate');
  perform ledger.require_read_committed('purging the outbox');
  select p.* into v_partition
  from ledger.partitions as p
  where p.partition_name = permit_purge.partition_name and p.parent_name = 'outbox';
  if (
    v_partition.tier = 'hot' and v_partition.to_time <= clock_timestamp() - interval '1 hour'
  ) is not true then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s cannot be purged', coalesce(permit_purge.partition_name, 'NULL')),
      detail = case
        when v_partition.tier is null then 'It is no partition of ledger.outbox.'
        else format('It is %s and ends at %s.', v_partition.tier, v_partition.to_time)
      end,
      hint = 'select * from ledger.partition_status where parent_name = ''outbox'';';
  end if;

  lock table ledger.relays in share mode;
  v_count := ledger.require_delivered(permit_purge.partition_name);
  select r.id into v_event_id
  from ledger.emit_event(
    'ledger.outbox_purged',
    ledger.partition_payload(v_partition, 'dropped') || jsonb_build_object(
      'row_count', v_count, 'purged_by', ledger.caller()
    ),
    tenant_id => 'ledger',
    aggregate_type => 'partition',
    aggregate_id => v_partition.partition_name::text
  ) as r;
  insert into ledger.outbox_purges (
    partition_name, purged_at, row_count, purged_by, event_id, table_id
  )
  values (
    v_partition.partition_name, clock_timestamp(), v_count, ledger.caller(), v_event_id,
    to_regclass(format('ledger.%I', v_partition.partition_name))
  );
  delete from ledger.relay_parked as p
  where p.created_at >= v_partition.from_time and p.created_at < v_partition.to_time;
  delete from ledger.relay_confirmations as f where f.confirmed_at < v_partition.to_time;
end
$$;

comment on function ledger.permit_purge(name) is
  'Part of purge_outbox(): refuses, or records that the partition is dropped.';

-- from sql/outbox/purge_outbox.sql
-- Drops a partition of the outbox that every relay has delivered; the events stay. One attempt, in the
-- caller's transaction: writers into that partition are locked out while it is read, and everybody
-- who emits waits for 100 ms at most until the locks for the drop are there (55P03 without them).
create or replace function ledger.purge_outbox(partition_name name)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
begin
  perform ledger.require_tenant('*', 'operate');
  if to_regclass('ledger.' || quote_ident(purge_outbox.partition_name)) is not null then
    execute format('lock table only ledger.%I in share mode', purge_outbox.partition_name);
  end if;
  perform ledger.permit_purge(purge_outbox.partition_name);
  perform ledger.lock_partition(purge_outbox.partition_name, 'outbox', 'outbox');
  perform ledger_guard.open_window('partition');
  execute format('drop table ledger.%I', purge_outbox.partition_name);
  update ledger.partitions as p
  set tier = 'dropped', moved_at = clock_timestamp()
  where p.partition_name = purge_outbox.partition_name;
end
$$;

comment on function ledger.purge_outbox(name) is
  'Drops a partition of the outbox, whatever its age, an hour after its end at the earliest: 55000 '
  'while a relay has not delivered all of it. ledger.maintain() calls it when '
  'retention_policy.outbox_for is over. For operators of every tenant.';

-- from sql/subscription/subscription_cursors.sql
-- How far each subscription is in its tenant's log. One row is updated again and again: the room on
-- its page lets PostgreSQL do that in place.
create table ledger.subscription_cursors (
  tenant_id text collate "C" not null,
  subscription text collate "C" not null,
  position bigint not null,
  updated_at timestamptz not null,
  primary key (tenant_id, subscription)
) with (fillfactor = 50);

comment on table ledger.subscription_cursors is
  'Where each subscription stands; ledger.save_position() writes it.';
comment on column ledger.subscription_cursors.position is
  'Position of the last event that was dealt with; -1 = none yet.';

-- from sql/subscription/subscription_position.sql
create or replace function ledger.subscription_position(
  subscription text,
  tenant_id text default null
)
returns bigint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(
    subscription_position.tenant_id, ledger.setting('tenant_id'), 'default'
  );
begin
  perform ledger.require_tenant(v_tenant_id, 'consume');
  return (
    select c.position
    from ledger.subscription_cursors as c
    where c.tenant_id = v_tenant_id and c.subscription = subscription_position.subscription
  );
end
$$;

comment on function ledger.subscription_position(text, text) is
  'Position of the last event that a subscription has dealt with, for read_log(after_position => '
  '...); NULL when it has saved none. For consumers.';

-- from sql/subscription/save_position.sql
-- Where a subscription stands, as of the caller's transaction: what the same transaction writes about
-- the event and the position commit together. True when that moved it on. False when it was as far
-- already: another process of the same subscription was faster, and whoever wants to handle each
-- event once rolls back. Waits for a transaction that saves the same one; 40001 above READ COMMITTED
-- when it committed after the caller's snapshot. Goes back only with reset.
create or replace function ledger.save_position(
  subscription text,
  through_position bigint,
  reset boolean default false,
  tenant_id text default null
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(save_position.tenant_id, ledger.setting('tenant_id'), 'default');
  v_tree_size bigint;
begin
  perform ledger.require_tenant(v_tenant_id, 'consume');
  v_tree_size := coalesce(
    (select h.tree_size from ledger.log_heads as h where h.tenant_id = v_tenant_id), 0
  );
  if length(save_position.subscription) between 1 and 255 is not true then
    raise exception using
      errcode = 'LG009',
      message = 'subscription must have 1 to 255 characters',
      hint = 'Name it after what it is for, such as search-index.';
  elsif save_position.through_position between -1 and v_tree_size - 1 is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'position %s is not in the log of tenant %s',
        coalesce(save_position.through_position::text, 'NULL'), v_tenant_id
      ),
      detail = format('It has positions from 0 to %s; -1 is before its first.', v_tree_size - 1),
      hint = 'Save the position of the last event that was dealt with.';
  end if;

  insert into ledger.subscription_cursors as c (tenant_id, subscription, position, updated_at)
  values (v_tenant_id, save_position.subscription, save_position.through_position, clock_timestamp())
  on conflict on constraint subscription_cursors_pkey do update
  set position = excluded.position, updated_at = excluded.updated_at
  where c.position < excluded.position or save_position.reset;
  return found;
end
$$;

comment on function ledger.save_position(text, bigint, boolean, text) is
  'Saves the position of the last event that a subscription has dealt with, in the caller''s '
  'transaction; false when it was as far already. reset => true also goes back. For consumers.';

-- from sql/subscription/drop_subscription.sql
create or replace function ledger.drop_subscription(
  subscription text,
  tenant_id text default null
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(drop_subscription.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_any(v_tenant_id, '{consume,operate}');
  delete from ledger.subscription_cursors as c
  where c.tenant_id = v_tenant_id and c.subscription = drop_subscription.subscription;
  return found;
end
$$;

comment on function ledger.drop_subscription(text, text) is
  'Forgets where a subscription stands: it begins anew; false when it is not known. For consumers '
  'and operators.';

-- from sql/log/require_tree_size.sql
-- The tree size that a proof is asked for: that of the log when NULL.
create or replace function ledger.require_tree_size(tenant_id text, tree_size bigint)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sealed bigint := coalesce((
    select h.tree_size
    from ledger.log_heads as h
    where h.tenant_id = require_tree_size.tenant_id
  ), 0);
begin
  if require_tree_size.tree_size not between 0 and v_sealed then
    raise exception using
      errcode = 'LG009',
      message = format(
        'the log of tenant %s has no tree of size %s',
        require_tree_size.tenant_id, require_tree_size.tree_size
      ),
      detail = format('It holds %s events.', v_sealed),
      hint = 'A tree_size lies between 0 and the number of sealed events; ledger.seal() seals '
        'what was emitted since.';
  end if;
  return coalesce(require_tree_size.tree_size, v_sealed);
end
$$;

comment on function ledger.require_tree_size(text, bigint) is
  'Part of the proofs: LG009 for a tree size that the log has not reached.';

-- from sql/log/split_size.sql
-- Where RFC 6962 splits a tree of n > 1 leaves: the largest power of two below n.
create or replace function ledger.split_size(n bigint)
returns bigint
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_split bigint := 1;
begin
  while v_split * 2 < split_size.n loop
    v_split := v_split * 2;
  end loop;
  return v_split;
end
$$;

comment on function ledger.split_size(bigint) is
  'Part of the proofs: the largest power of two below n.';

-- from sql/log/log_node.sql
-- The hash of a perfect subtree: of the 2 ^ height leaves from index * 2 ^ height on. A tile holds
-- every eighth level; what lies between is folded from it.
create or replace function ledger.log_node(tenant_id text, height int, index bigint)
returns bytea
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_level int := log_node.height / 8;
  v_width int := 1 << (log_node.height % 8);
  v_first bigint := log_node.index * v_width;
  v_hashes bytea;
begin
  select substr(t.hashes, (v_first & 255)::int * 32 + 1, v_width * 32) into v_hashes
  from ledger.log_tiles as t
  where t.tenant_id = log_node.tenant_id
    and t.level = v_level
    and t.tile_index = v_first >> 8;
  if not found then
    select substr(g.hashes, (v_first & 255)::int * 32 + 1, v_width * 32) into v_hashes
    from ledger.log_edges as g
    where g.tenant_id = log_node.tenant_id and g.level = v_level;
  end if;
  if octet_length(v_hashes) = v_width * 32 is not true then
    raise exception using
      errcode = 'LG010',
      message = format(
        'tile %s of level %s of tenant %s is missing', v_first >> 8, v_level, log_node.tenant_id
      ),
      hint = 'select * from ledger.verify(); says what else is wrong.';
  end if;
  return ledger.merkle_root(v_hashes);
end
$$;

comment on function ledger.log_node(text, int, bigint) is
  'Hash of a perfect subtree of a tenant''s tree: 2 ^ height leaves, the index-th such.';

-- from sql/log/log_range_root.sql
-- RFC 6962 tree hash over the leaves from from_position to to_position - 1, where from_position is
-- a multiple of the largest power of two in their number (as in every step of a proof): its perfect
-- subtrees, folded from the right.
create or replace function ledger.log_range_root(
  tenant_id text,
  from_position bigint,
  to_position bigint
)
returns bytea
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count bigint := log_range_root.to_position - log_range_root.from_position;
  v_end bigint := log_range_root.to_position;
  v_height int := 0;
  v_node bytea;
  v_root bytea;
begin
  while v_count > 0 loop
    if v_count & 1 = 1 then
      v_end := v_end - (1::bigint << v_height);
      v_node := ledger.log_node(log_range_root.tenant_id, v_height, v_end >> v_height);
      v_root := case
        when v_root is null then v_node
        else sha256('\x01'::bytea || v_node || v_root)
      end;
    end if;
    v_count := v_count >> 1;
    v_height := v_height + 1;
  end loop;
  return coalesce(v_root, sha256(''));
end
$$;

comment on function ledger.log_range_root(text, bigint, bigint) is
  'Part of the proofs: tree hash over a range of positions.';

-- from sql/log/log_root.sql
create or replace function ledger.log_root(
  tenant_id text default null,
  tree_size bigint default null
)
returns bytea
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(log_root.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  return ledger.log_range_root(
    v_tenant_id, 0, ledger.require_tree_size(v_tenant_id, log_root.tree_size)
  );
end
$$;

comment on function ledger.log_root(text, bigint) is
  'Root of a tenant''s tree when it held tree_size events (NULL = now), folded from the tiles; '
  'SHA-256 of nothing for 0.';

-- from sql/log/inclusion_proof.sql
-- RFC 9162, 2.1.3.1: the siblings on the way from a leaf to the root, from the leaf up.
create or replace function ledger.inclusion_proof(
  event_id uuid,
  inout tree_size bigint default null,
  tenant_id text default null,
  out "position" bigint,
  out leaf_hash bytea,
  out proof bytea[],
  out root bytea
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(inclusion_proof.tenant_id, ledger.setting('tenant_id'), 'default');
  v_low bigint := 0;
  v_high bigint;
  v_split bigint;
begin
  "position" := ledger.position_of(inclusion_proof.event_id, v_tenant_id);
  tree_size := ledger.require_tree_size(v_tenant_id, inclusion_proof.tree_size);
  if "position" < tree_size is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'event %s is not among the first %s events of tenant %s',
        inclusion_proof.event_id, tree_size, v_tenant_id
      ),
      detail = coalesce(
        format('Its position is %s.', "position"), 'It has no position: it is not sealed.'
      ),
      hint = 'ledger.seal() gives committed events their positions.';
  end if;

  proof := '{}';
  v_high := tree_size;
  while v_high - v_low > 1 loop
    v_split := v_low + ledger.split_size(v_high - v_low);
    if "position" < v_split then
      proof := ledger.log_range_root(v_tenant_id, v_split, v_high) || proof;
      v_high := v_split;
    else
      proof := ledger.log_range_root(v_tenant_id, v_low, v_split) || proof;
      v_low := v_split;
    end if;
  end loop;
  leaf_hash := ledger.log_node(v_tenant_id, 0, "position");
  root := ledger.log_range_root(v_tenant_id, 0, tree_size);
end
$$;

comment on function ledger.inclusion_proof(uuid, bigint, text) is
  'Proof that an event is in the tenant''s tree of that size (NULL = now): its position, its leaf '
  '(= hash), the hashes beside the way up (RFC 9162, 2.1.3) and the root they lead to. LG009 when '
  'it is not sealed.';

-- from sql/log/consistency_proof.sql
-- RFC 9162, 2.1.4.1: the hashes that show both roots, of the tree at from_size and at to_size, to be
-- of one log.
create or replace function ledger.consistency_proof(
  from_size bigint,
  to_size bigint default null,
  tenant_id text default null
)
returns bytea[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(
    consistency_proof.tenant_id, ledger.setting('tenant_id'), 'default'
  );
  v_low bigint := 0;
  v_high bigint;
  v_split bigint;
  v_proof bytea[] := array[]::bytea[];
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  v_high := ledger.require_tree_size(v_tenant_id, consistency_proof.to_size);
  if consistency_proof.from_size between 0 and v_high is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'no consistency proof from size %s to size %s',
        coalesce(consistency_proof.from_size::text, 'NULL'), v_high
      ),
      hint = 'from_size lies between 0 and to_size.';
  end if;
  if consistency_proof.from_size in (0, v_high) then
    return v_proof;
  end if;

  -- Down to the subtree that ends where the old tree ends.
  while consistency_proof.from_size <> v_high loop
    v_split := v_low + ledger.split_size(v_high - v_low);
    if consistency_proof.from_size <= v_split then
      v_proof := ledger.log_range_root(v_tenant_id, v_split, v_high) || v_proof;
      v_high := v_split;
    else
      v_proof := ledger.log_range_root(v_tenant_id, v_low, v_split) || v_proof;
      v_low := v_split;
    end if;
  end loop;
  -- Where that subtree is the old tree itself, whoever checks has its root already.
  if v_low > 0 then
    v_proof := ledger.log_range_root(v_tenant_id, v_low, v_high) || v_proof;
  end if;
  return v_proof;
end
$$;

comment on function ledger.consistency_proof(bigint, bigint, text) is
  'Proof that the tree of from_size is the beginning of the tree of to_size (NULL = now), RFC 9162, '
  '2.1.4. Empty when from_size is 0 or to_size.';

-- from sql/log/checkpoint.sql
-- The text that is signed outside (C2SP tlog-checkpoint): origin, tree size and root, a line each.
create or replace function ledger.checkpoint(
  ledger_name text default null,
  tree_size bigint default null,
  tenant_id text default null
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(checkpoint.tenant_id, ledger.setting('tenant_id'), 'default');
  v_name text := coalesce(checkpoint.ledger_name, ledger.setting('name'), current_database());
  v_size bigint;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  if v_name !~ '^[^\s+]{1,200}$' then
    raise exception using
      errcode = 'LG009',
      message = format('%L is no name for a ledger', left(v_name, 250)),
      hint = 'Use 1 to 200 characters without spaces and "+", best a name that is yours alone, '
        'such as example.com/ledger; alter database … set ledger.name keeps it.';
  end if;
  v_size := ledger.require_tree_size(v_tenant_id, checkpoint.tree_size);
  return format(
    E'%s/%s\n%s\n%s\n',
    v_name, v_tenant_id, v_size,
    encode(ledger.log_range_root(v_tenant_id, 0, v_size), 'base64')
  );
end
$$;

comment on function ledger.checkpoint(text, bigint, text) is
  'Unsigned checkpoint of a tenant''s log (C2SP tlog-checkpoint): origin <ledger_name>/<tenant_id>, '
  'tree size, base64 of the root. `agent-events checkpoint` checks and signs it. ledger_name: NULL = '
  'the setting ledger.name, else the database''s name.';

-- from sql/cold/cold_positions.sql
-- Where the log of a tenant has events that are in cold files and not in the database: in
-- partitions whose drop is on record, and that were not restored since.
create or replace function ledger.cold_positions(tenant_id text)
returns int8multirange
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(range_agg(r.positions), '{}')
  from ledger.cold_ranges as r
  join ledger.partitions as p on p.partition_name = r.partition_name
  where r.tenant_id = cold_positions.tenant_id
    and p.tier in ('cold', 'dropped')
    and exists (
      select from ledger.cold_drops as d
      where d.partition_name = r.partition_name and d.file_sha256 = r.file_sha256
    )
$$;

comment on function ledger.cold_positions(text) is
  'Positions of a tenant''s events that are in cold files only.';

-- from sql/log/find_position.sql
-- position_of() without its check of access, for parts of verify(). Where nothing may be sorted, what is
-- wanted in the order of event_id comes from that index, whatever statistics say.
create or replace function ledger.find_position(tenant_id text, event_id uuid)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_sort = off
as $$
  select l.position
  from ledger.log_entries as l
  where l.tenant_id = find_position.tenant_id
    and l.event_id between find_position.event_id and find_position.event_id
  order by l.event_id
$$;

comment on function ledger.find_position(text, uuid) is
  'Part of verify(): position of an event in a tenant''s log.';

-- from sql/cold/cold_gap.sql
-- How many events in cold files lie between two events of a tenant's log, in its order: as many may
-- be missing between them in a stream. NULL stands for before the first and after the last; so does
-- an event that is not sealed, which comes after all that are.
create or replace function ledger.cold_gap(
  tenant_id text,
  cold int8multirange,
  after_event uuid,
  before_event uuid
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_after_all constant bigint := 4611686018427387904;
  v_from bigint := 0;
  v_to bigint;
begin
  if isempty(cold_gap.cold) then
    return 0;
  end if;
  if cold_gap.after_event is not null then
    v_from := coalesce(
      ledger.find_position(cold_gap.tenant_id, cold_gap.after_event) + 1, c_after_all
    );
  end if;
  v_to := coalesce(
    ledger.find_position(cold_gap.tenant_id, cold_gap.before_event), c_after_all
  );
  return (
    select coalesce(sum(upper(r) - lower(r)), 0)
    from unnest(cold_gap.cold * int8multirange(int8range(v_from, greatest(v_from, v_to)))) as r
  );
end
$$;

comment on function ledger.cold_gap(text, int8multirange, uuid, uuid) is
  'Part of verify(): how many events in cold files lie between two events of a log.';

-- from sql/cold/is_cold.sql
-- Whether an event that is not in the database was sealed and is in a cold file.
create or replace function ledger.is_cold(tenant_id text, event_id uuid)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from ledger.log_entries as l
    join ledger.cold_ranges as r on r.tenant_id = l.tenant_id and r.positions @> l.position
    join ledger.partitions as p on p.partition_name = r.partition_name
    where l.tenant_id = is_cold.tenant_id
      and l.event_id = is_cold.event_id
      and p.tier in ('cold', 'dropped')
  )
$$;

comment on function ledger.is_cold(text, uuid) is
  'Whether an event is in a cold file and no longer in the database.';

-- from sql/log/block_of.sql
create or replace function ledger.block_of(tenant_id text, awaited_position bigint)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select b.block_no
  from ledger.log_blocks as b
  where b.tenant_id = block_of.tenant_id and b.first_position <= block_of.awaited_position
  order by b.first_position desc
  limit 1
$$;

comment on function ledger.block_of(text, bigint) is
  'Part of verify(): the block that a position was sealed in.';

-- from sql/log/tree_root.sql
-- log_range_root() for a tree that may be damaged: NULL where a tile is missing.
create or replace function ledger.tree_root(tenant_id text, tree_size bigint)
returns bytea
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return ledger.log_range_root(tree_root.tenant_id, 0, tree_root.tree_size);
exception when sqlstate 'LG010' then
  return null;
end
$$;

comment on function ledger.tree_root(text, bigint) is
  'Part of verify(): root of the tree at a size, NULL when a tile is missing.';

-- from sql/log/verify_entries.sql
-- verify(): each position has its entry, its event, an event whose hash is right, and that hash as
-- the leaf of the tree. Events that are in cold files are not missed. Statistics, old or missing, must
-- not make the planner read a table for every position: where nothing may be sorted, what is wanted
-- in the order of position or created_at comes from the primary keys, the only indexes in that order.
create or replace function ledger.verify_entries(
  tenant_id text,
  from_position bigint,
  to_position bigint
)
returns table (kind text, "position" bigint, event_id uuid, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_sort = off
set jit = off
as $$
  with looked_at as (
    select
      p.position,
      case
        when octet_length(t.hashes) >= (p.position & 255) * 32 + 32
          then substr(t.hashes, (p.position & 255)::int * 32 + 1, 32)
      end as leaf,
      l.event_id,
      e.id is not null as is_there,
      e.hash,
      ledger.event_hash(ledger.event_entry(
        e.tenant_id, e.id, e.created_at, e.run_id, e.trace_id, e.correlation_id, e.causation_id,
        e.event_type, e.schema_version, e.payload::text, e.deal_id, e.action_id,
        e.aggregate_type, e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome,
        e.proof, e.metadata, e.occurred_at, e.private_hash
      ), e.prev_hash) as recomputed
    from generate_series(
      verify_entries.from_position >> 8, (verify_entries.to_position - 1) >> 8
    ) as i (tile_index)
    cross join lateral (
      -- || detoasts a tile once, not for each of its leaves.
      select ''::bytea || coalesce(
        (
          select s.hashes
          from ledger.log_tiles as s
          where s.tenant_id = verify_entries.tenant_id
            and s.level = 0
            and s.tile_index = i.tile_index
        ),
        (
          select g.hashes
          from ledger.log_heads as h
          join ledger.log_edges as g on g.tenant_id = h.tenant_id and g.level = 0
          where h.tenant_id = verify_entries.tenant_id and h.tree_size >> 8 = i.tile_index
        )
      ) as hashes
      offset 0  -- noqa: PRS
    ) as t
    cross join lateral generate_series(
      greatest(verify_entries.from_position, i.tile_index << 8),
      least(verify_entries.to_position, (i.tile_index + 1) << 8) - 1
    ) as p (position)
    left join lateral (
      select l.event_id, l.created_at
      from ledger.log_entries as l
      where l.tenant_id = verify_entries.tenant_id
        and l.position between p.position and p.position
      order by l.position
    ) as l on true
    left join lateral (
      select e.*
      from ledger.events as e
      where e.tenant_id = verify_entries.tenant_id
        and e.created_at between l.created_at and l.created_at
        and e.id = l.event_id
      order by e.created_at
    ) as e on true
  )
  select r.kind, a.position, a.event_id, r.detail
  from looked_at as a
  cross join lateral (values
    ('missing entry', a.event_id is null, 'No event has this position.'),
    (
      'missing event',
      a.event_id is not null
      and not a.is_there
      and not (select ledger.cold_positions(verify_entries.tenant_id)) @> a.position,
      'The event was sealed here and is gone.'
    ),
    (
      'changed event', a.is_there and a.recomputed <> a.hash,
      'hash is not the hash of its fields.'
    ),
    (
      'changed event', a.is_there and a.recomputed = a.hash and a.hash <> a.leaf,
      'Its hash is not the one that was sealed at this position.'
    )
  ) as r (kind, is_broken, detail)
  where r.is_broken
  union all
  select
    'wrong head', l.position, l.event_id, 'The log has an entry beyond the size of its tree.'
  from ledger.log_heads as h
  cross join lateral (
    select l.position, l.event_id
    from ledger.log_entries as l
    where l.tenant_id = h.tenant_id and l.position >= h.tree_size
    order by l.position
  ) as l
  where h.tenant_id = verify_entries.tenant_id
$$;

comment on function ledger.verify_entries(text, bigint, bigint) is
  'Part of verify(): entries, events and leaves of a range of positions.';

-- from sql/log/verify_tiles.sql
-- verify(): the tiles over a range of positions, on every level: each is there, whole, and folds to
-- its hash on the level above. Tiles are found by key and meet those above by hash, whatever
-- statistics say.
create or replace function ledger.verify_tiles(
  tenant_id text,
  from_position bigint,
  to_position bigint
)
returns table (kind text, "position" bigint, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_seqscan = off
set jit = off
as $$
  with recursive levels (level, tree_size, first_tile, last_tile, hashes_here) as (
    select
      0, h.tree_size, verify_tiles.from_position / 256, (verify_tiles.to_position - 1) / 256,
      h.tree_size
    from ledger.log_heads as h
    where h.tenant_id = verify_tiles.tenant_id and h.tree_size > 0
    union all
    select l.level + 1, l.tree_size, l.first_tile / 256, l.last_tile / 256, l.hashes_here / 256
    from levels as l
    where l.hashes_here >= 256
  ),
  tiles as (
    select
      l.level, t.tile_index, l.hashes_here / 256 = t.tile_index as is_edge,
      least(l.hashes_here - t.tile_index * 256, 256) as wanted,
      case
        when l.hashes_here / 256 = t.tile_index then (
          select g.hashes from ledger.log_edges as g
          where g.tenant_id = verify_tiles.tenant_id and g.level = l.level
        )
        else (
          select s.hashes from ledger.log_tiles as s
          where s.tenant_id = verify_tiles.tenant_id
            and s.level = l.level
            and s.tile_index = t.tile_index
        )
      end as hashes
    from levels as l
    cross join lateral generate_series(l.first_tile, l.last_tile) as t (tile_index)
    where l.hashes_here > t.tile_index * 256
  )
  select
    'changed tile',
    t.tile_index << (8 * t.level + 8),
    format(
      'Tile %s of level %s %s',
      t.tile_index,
      t.level,
      case
        when t.hashes is null then 'is missing.'
        when octet_length(t.hashes) <> t.wanted * 32
          then format('holds %s bytes, not %s hashes.', octet_length(t.hashes), t.wanted)
        else format('does not fold to its hash on level %s.', t.level + 1)
      end
    )
  from tiles as t
  left join tiles as above
    on not t.is_edge and above.level = t.level + 1 and above.tile_index = t.tile_index / 256
  where t.hashes is null
    or octet_length(t.hashes) <> t.wanted * 32
    or ledger.merkle_root(t.hashes)
    <> substr(above.hashes, (t.tile_index % 256)::int * 32 + 1, 32)
$$;

comment on function ledger.verify_tiles(text, bigint, bigint) is
  'Part of verify(): the tiles of the tree over a range of positions.';

-- from sql/log/verify_blocks.sql
-- verify(): the blocks over a range of positions: numbers and positions without a gap, each hash
-- that of its fields, chained to the one before, each root that of the tree; and the head.
create or replace function ledger.verify_blocks(
  tenant_id text,
  from_position bigint,
  to_position bigint
)
returns table (kind text, block_no bigint, "position" bigint, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with blocks as (
    select
      b.*,
      lag(b.block_no, 1, 0::bigint) over chain as no_before,
      lag(b.tree_size, 1, 0::bigint) over chain as size_before,
      lag(b.block_hash, 1, sha256('')) over chain as hash_before
    from ledger.log_blocks as b
    where b.tenant_id = verify_blocks.tenant_id
    window chain as (order by b.block_no)
  ),
  last_block as (
    select b.* from ledger.log_blocks as b
    where b.tenant_id = verify_blocks.tenant_id
    order by b.block_no desc
    limit 1
  )
  select r.kind, b.block_no, b.first_position, r.detail
  from blocks as b
  cross join lateral (values
    (
      'missing block', b.block_no <> b.no_before + 1,
      format('Block %s follows block %s.', b.block_no, b.no_before)
    ),
    (
      'missing block', b.block_no = b.no_before + 1 and b.first_position <> b.size_before,
      format('It begins at %s, the block before ended at %s.', b.first_position, b.size_before)
    ),
    (
      'changed block', b.block_hash <> ledger.block_hash(
        b.block_no, b.first_position, b.tree_size, b.root, b.prev_block_hash, b.sealed_at
      ),
      'block_hash is not the hash of its fields.'
    ),
    (
      'changed block',
      b.block_no = b.no_before + 1 and b.prev_block_hash <> b.hash_before,
      'prev_block_hash is not the hash of the block before.'
    ),
    (
      'changed block',
      b.root is distinct from ledger.tree_root(verify_blocks.tenant_id, b.tree_size),
      'root is not the root of the tree at its size.'
    )
  ) as r (kind, is_broken, detail)
  where r.is_broken
    and b.tree_size > verify_blocks.from_position
    and b.first_position < greatest(verify_blocks.to_position, 1)
  union all
  select
    'wrong head', h.block_no, h.tree_size,
    format(
      'It stands at block %s and size %s, the last block is %s with size %s.',
      h.block_no, h.tree_size, coalesce(b.block_no, 0), coalesce(b.tree_size, 0)
    )
  from ledger.log_heads as h
  left join last_block as b on true
  where h.tenant_id = verify_blocks.tenant_id
    and (
      (h.block_no, h.tree_size, h.root, h.block_hash)
      is distinct from (
        coalesce(b.block_no, 0), coalesce(b.tree_size, 0), coalesce(b.root, sha256('')),
        coalesce(b.block_hash, sha256(''))
      )
    )
$$;

comment on function ledger.verify_blocks(text, bigint, bigint) is
  'Part of verify(): blocks over a range of positions, and the head.';

-- from sql/log/verify_stream.sql
-- verify(): one stream, or all of a tenant's (NULL): sequences without a gap from 1, each event
-- chained to the one before, and the head at the last. Where events of the log are in cold files, as
-- many may be missing. For one stream also each event's own hash and leaf, which a whole
-- verification looks at by position. Heads are found by key and events by hash, whatever statistics
-- say: never each head by reading all events.
create or replace function ledger.verify_stream(
  tenant_id text,
  aggregate_type text,
  aggregate_id text
)
returns table (kind text, "position" bigint, event_id uuid, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_seqscan = off
set jit = off
as $$
  with cold as materialized (
    select ledger.cold_positions(verify_stream.tenant_id) as positions
  ),
  events as materialized (
    select
      e.tenant_id,
      e.id,
      e.aggregate_type,
      e.aggregate_id,
      e.sequence,
      e.prev_hash,
      e.hash,
      lag(e.sequence, 1, 0::bigint) over stream as sequence_before,
      lag(e.hash) over stream as hash_before,
      lag(e.id) over stream as id_before,
      lead(e.id) over stream is null as is_last
    from ledger.events as e
    where e.tenant_id = verify_stream.tenant_id
      and e.aggregate_id is not null
      and (verify_stream.aggregate_type is null or e.aggregate_type = verify_stream.aggregate_type)
      and (verify_stream.aggregate_id is null or e.aggregate_id = verify_stream.aggregate_id)
    window stream as (partition by e.aggregate_type, e.aggregate_id order by e.sequence, e.id)
  ),
  findings as (
    select r.kind, e.id, r.detail
    from events as e
    cross join lateral (values
      (
        'broken stream',
        e.sequence <> e.sequence_before + 1
        and e.sequence - e.sequence_before - 1 not between 1 and ledger.cold_gap(
          e.tenant_id, (select c.positions from cold as c), e.id_before, e.id
        ),
        format(
          '%s/%s: sequence %s follows %s.',
          e.aggregate_type, e.aggregate_id, e.sequence, e.sequence_before
        )
      ),
      (
        'broken stream',
        e.sequence = e.sequence_before + 1 and e.prev_hash is distinct from e.hash_before,
        format(
          '%s/%s: prev_hash is not the hash of the event before.',
          e.aggregate_type, e.aggregate_id
        )
      )
    ) as r (kind, is_broken, detail)
    where r.is_broken
    union all
    select 'broken stream', e.id, format(
      '%s/%s: its head is at sequence %s, its last event at %s.',
      e.aggregate_type, e.aggregate_id, s.sequence, e.sequence
    )
    from events as e
    left join lateral (
      select s.sequence, s.hash
      from ledger.streams as s
      where s.tenant_id = e.tenant_id
        and s.aggregate_type = e.aggregate_type
        and s.aggregate_id = e.aggregate_id
      offset 0
    ) as s on true
    where e.is_last
      and (s.sequence, s.hash) is distinct from (e.sequence, e.hash)
      and coalesce(s.sequence - e.sequence not between 1 and ledger.cold_gap(
        e.tenant_id, (select c.positions from cold as c), e.id, null
      ), true)
    union all
    select v.kind, v.event_id, v.detail
    from events as e
    cross join lateral ledger.find_position(e.tenant_id, e.id) as l (position)
    cross join lateral ledger.verify_entries(e.tenant_id, l.position, l.position + 1) as v
    where verify_stream.aggregate_id is not null and v.kind = 'changed event'
    union all
    select 'broken stream', null, format(
      '%s/%s: its head is at sequence %s, and no event is there.',
      s.aggregate_type, s.aggregate_id, s.sequence
    )
    from ledger.streams as s
    where s.tenant_id = verify_stream.tenant_id
      and (verify_stream.aggregate_type is null or s.aggregate_type = verify_stream.aggregate_type)
      and (verify_stream.aggregate_id is null or s.aggregate_id = verify_stream.aggregate_id)
      and not exists (
        select from events as e
        where e.is_last
          and e.aggregate_type = s.aggregate_type
          and e.aggregate_id = s.aggregate_id
      )
      and s.sequence not between 1 and (
        select ledger.cold_gap(verify_stream.tenant_id, c.positions, null, null) from cold as c
      )
  )
  select f.kind, ledger.find_position(verify_stream.tenant_id, f.id), f.id, f.detail
  from findings as f
$$;

comment on function ledger.verify_stream(text, text, text) is
  'Part of verify(): one stream, or all streams of a tenant.';

-- from sql/log/verify_unlogged.sql
-- verify(): events that sealing would have to have seen and did not, and events that were written
-- long after the time they carry. Their transaction ids tell; where those are of another cluster
-- (before a rebase_log()), nothing is said. Events and entries meet by hash; what is looked up comes
-- in the order of a primary key, which is then its only way where nothing may be sorted: so that no
-- statistics make the planner read one table for each row of the other.
create or replace function ledger.verify_unlogged(tenant_id text)
returns table (kind text, "position" bigint, event_id uuid, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_sort = off
set jit = off
as $$
  with seen as (
    select coalesce(h.snapshot, s.snapshot) as snapshot
    from ledger.log_sweep as s
    left join ledger.log_heads as h on h.tenant_id = verify_unlogged.tenant_id
    where coalesce(h.system_identifier, s.system_identifier) = ledger.system_identifier()
  ),
  blocks as (
    select
      b.block_no, b.epoch, b.first_position, b.tree_size,
      min(b.block_no) over (partition by b.epoch) as first_of_epoch,
      max(b.sealed_at) over (
        order by b.block_no rows between unbounded preceding and 1 preceding
      ) as sealed_before
    from ledger.log_blocks as b
    where b.tenant_id = verify_unlogged.tenant_id
  ),
  late as materialized (
    select b.block_no, b.first_of_epoch, b.epoch, l.position, e.id, e.created_at, e.xact_id
    from blocks as b
    cross join lateral (
      select l.position, l.event_id, l.created_at
      from ledger.log_entries as l
      where l.tenant_id = verify_unlogged.tenant_id
        and l.position >= b.first_position
        and l.position < b.tree_size
        and l.created_at < b.sealed_before - interval '1 minute'
      order by l.position
    ) as l
    cross join lateral (
      select e.id, e.created_at, e.xact_id
      from ledger.events as e
      where e.tenant_id = verify_unlogged.tenant_id
        and e.created_at between l.created_at and l.created_at
        and e.id = l.event_id
        and e.xact_id <> '0'  -- came back from a cold file
      order by e.created_at
    ) as e
  ),
  before as materialized (
    select t.block_no, t.xact_id, p.sealed_at
    from (
      select distinct o.block_no, o.first_of_epoch, o.epoch, o.xact_id from late as o
    ) as t
    cross join lateral (
      select p.sealed_at
      from ledger.log_blocks as p
      where p.tenant_id = verify_unlogged.tenant_id
        and p.block_no >= t.first_of_epoch
        and p.block_no < t.block_no
        and p.epoch = t.epoch
        and p.next_xact_id <= t.xact_id
      order by p.block_no desc
      limit 1
    ) as p
  )
  select
    'unlogged event',
    null::bigint,
    e.id,
    'It was there when the log was last sealed, and has no position: it was not emitted.'
  from seen as s
  join ledger.events as e on e.tenant_id = verify_unlogged.tenant_id
  where (
      pg_visible_in_snapshot(e.xact_id, s.snapshot)
      or e.xact_id >= pg_snapshot_xmax(pg_current_snapshot())
    )
    and not exists (
      select from ledger.log_entries as l
      where l.tenant_id = e.tenant_id and l.event_id = e.id
    )
  union all
  select
    'back-dated event',
    o.position,
    o.id,
    format('created_at is %s, but it was written after %s.', o.created_at, b.sealed_at)
  from late as o
  join before as b on b.block_no = o.block_no and b.xact_id = o.xact_id
  where o.created_at < b.sealed_at - interval '1 minute'
$$;

comment on function ledger.verify_unlogged(text) is
  'Part of verify(): events without a position that should have one, and back-dated ones.';

-- from sql/log/verify.sql
-- Is the log whole? One row per finding, none when all is well. What is looked at: everything, or
-- the positions from from_position to to_position - 1, or one stream. Whoever may replace functions
-- may replace this one: the verifier that counts is outside, `agent-events verify`.
create or replace function ledger.verify(
  tenant_id text default null,
  from_position bigint default null,
  to_position bigint default null,
  aggregate_type text default null,
  aggregate_id text default null
)
returns table (kind text, block_no bigint, "position" bigint, event_id uuid, detail text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(verify.tenant_id, ledger.setting('tenant_id'), 'default');
  v_size bigint;
  v_from bigint;
  v_to bigint;
  v_is_whole boolean := verify.from_position is null and verify.to_position is null;
begin
  perform ledger.require_any(v_tenant_id, '{read,audit,operate}');
  if verify.aggregate_id is not null then
    return query
    select f.kind, ledger.block_of(v_tenant_id, f.position), f.position, f.event_id, f.detail
    from ledger.verify_stream(v_tenant_id, verify.aggregate_type, verify.aggregate_id) as f;
    return;
  end if;

  v_size := ledger.require_tree_size(v_tenant_id, null);
  v_from := greatest(verify.from_position, 0);
  v_to := least(verify.to_position, v_size);
  return query
  select f.kind, coalesce(f.block_no, ledger.block_of(v_tenant_id, f.position)), f.position,
    f.event_id, f.detail
  from (
    select e.kind, null::bigint as block_no, e.position, e.event_id, e.detail
    from ledger.verify_entries(v_tenant_id, coalesce(v_from, 0), coalesce(v_to, v_size)) as e
    union all
    select t.kind, null, t.position, null, t.detail
    from ledger.verify_tiles(v_tenant_id, coalesce(v_from, 0), coalesce(v_to, v_size)) as t
    union all
    select b.kind, b.block_no, b.position, null, b.detail
    from ledger.verify_blocks(v_tenant_id, coalesce(v_from, 0), coalesce(v_to, v_size)) as b
    union all
    select s.kind, null, s.position, s.event_id, s.detail
    from ledger.verify_stream(v_tenant_id, null, null) as s
    where v_is_whole
    union all
    select u.kind, null, u.position, u.event_id, u.detail
    from ledger.verify_unlogged(v_tenant_id) as u
    where v_is_whole
  ) as f
  order by f.position nulls last, f.kind;
end
$$;

comment on function ledger.verify(text, bigint, bigint, text, text) is
  'What is wrong with a tenant''s log, no row when it is whole: kind, block_no, position and '
  'event_id of each finding. All of it, the positions from from_position to to_position - 1, or '
  'one stream (aggregate_type, aggregate_id).';

-- from sql/inbox/inbox.sql
-- What each consumer has processed: one row per event and consumer, written in the transaction that
-- processed it, so that both are there or neither is. Rows go after retention_policy.inbox_for.
create table ledger.inbox (
  tenant_id text collate "C" not null,
  consumer text collate "C" not null,
  event_id uuid not null,
  event_type text collate "C",
  processed_at timestamptz not null,
  primary key (tenant_id, consumer, event_id)
);

-- For purge_inbox(), which deletes the oldest rows of all tenants. Rows come in the order of their
-- times, which a B-tree takes at its right end for next to nothing; BRIN would lose its order with
-- the first purge, when new rows fill the room of old ones.
create index inbox_processed_at on ledger.inbox (processed_at);

comment on table ledger.inbox is
  'Which events a consumer has processed; ledger.accept_event() writes it and ledger.purge_inbox() '
  'empties it.';
comment on column ledger.inbox.consumer is
  'Name of what processes the event, such as billing; each consumer processes each event once.';

-- from sql/inbox/inbox_failures.sql
-- Events that a consumer could not process, until it can, or until somebody gives them up. The
-- message is kept as it came, so that it can be processed again when the broker has long forgotten
-- it. A row goes when the event is processed.
create table ledger.inbox_failures (
  tenant_id text collate "C" not null,
  consumer text collate "C" not null,
  event_id uuid not null,
  event_type text collate "C",
  attempts int not null,
  last_error text not null,
  failed_at timestamptz not null,
  next_attempt_at timestamptz,
  is_dead boolean not null,
  message jsonb,
  discarded_at timestamptz,
  discarded_by name,
  discard_reason text,
  primary key (tenant_id, consumer, event_id),
  check (is_dead = (next_attempt_at is null)),
  check (num_nulls(discarded_at, discarded_by, discard_reason) in (0, 3)),
  check (is_dead or discarded_at is null)
);

-- What is due, for claim_failures().
create index inbox_failures_due on ledger.inbox_failures (consumer, next_attempt_at)
where next_attempt_at is not null;

comment on table ledger.inbox_failures is
  'Events that a consumer failed to process, with their messages; see ledger.inbox_status. A dead '
  'one waits for ledger.requeue_failures() or ledger.discard_failure().';
comment on column ledger.inbox_failures.attempts is
  'How often it failed since it first did, or since it was requeued.';
comment on column ledger.inbox_failures.next_attempt_at is
  'When it is due again, or until when the session that claimed it may take; NULL for a dead one.';
comment on column ledger.inbox_failures.is_dead is
  'It failed as often as the consumer allows, and is not tried again by itself.';
comment on column ledger.inbox_failures.message is
  'The message as a CloudEvent in JSON; NULL when only the broker can deliver it again.';
comment on column ledger.inbox_failures.discarded_at is
  'When an operator gave it up: it counts as processed.';

-- from sql/inbox/inbox_status.sql
-- What consumers could not process, without the messages: operators and auditors need not read them,
-- so they have no privilege on the table, and the view, which reads it as its owner, says itself whose
-- rows they see.
create or replace view ledger.inbox_status
with (security_barrier = true) as
select
  f.tenant_id,
  f.consumer,
  f.event_id,
  f.event_type,
  case
    when f.discarded_at is not null then 'discarded'
    when f.is_dead then 'dead'
    when f.next_attempt_at <= clock_timestamp() then 'due'
    else 'waiting'
  end as state,
  f.attempts,
  f.last_error,
  f.failed_at,
  f.next_attempt_at,
  f.is_dead,
  f.discarded_at,
  f.discarded_by,
  f.discard_reason
from ledger.inbox_failures as f
where array[f.tenant_id, '*'] && (
  select
    ledger.permitted_tenants('consume')
    || ledger.permitted_tenants('operate')
    || ledger.permitted_tenants('audit')
);

comment on view ledger.inbox_status is
  'Events that a consumer failed to process: state is due, waiting (until next_attempt_at), dead '
  'or discarded. ledger.requeue_failures() and ledger.discard_failure() decide about dead ones.';

-- from sql/inbox/require_inbox_key.sql
create or replace function ledger.require_inbox_key(tenant_id text, consumer text, event_id uuid)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := case
    when tenant_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' is not true then
      format('%L is no tenant id', left(tenant_id, 100))
    when length(consumer) between 1 and 255 is not true then
      'consumer must have 1 to 255 characters'
    when event_id is null then 'event_id is NULL'
  end;
begin
  if v_reason is not null then
    raise exception using
      errcode = 'LG009',
      message = v_reason,
      hint = 'select ledger.accept_event(''billing'', event_id => ...): the name of the consumer, '
        'and the id that the event came with.';
  end if;
end
$$;

comment on function ledger.require_inbox_key(text, text, uuid) is
  'Part of accept_event() and its likes: raises LG009 for what names no event of a consumer.';

-- from sql/inbox/require_max_rows.sql
create or replace function ledger.require_max_rows(max_rows int)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if require_max_rows.max_rows between 1 and 100000 is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'max_rows is %s, not 1 to 100000', coalesce(require_max_rows.max_rows::text, 'NULL')
      ),
      hint = 'Take so many at a time, and call again while there are as many.';
  end if;
end
$$;

comment on function ledger.require_max_rows(int) is 'Raises LG009 unless 1 to 100000.';

-- from sql/inbox/accept_event.sql
-- Whether the caller's transaction is the one that processes the event: true for the first, false
-- ever after. What the transaction then writes and the inbox row commit together, or neither does:
-- exactly once, however often the message is delivered.
--
-- Where another transaction has accepted the event and is not over, this one waits: it gets false
-- when the other commits, true when that rolls back. Under REPEATABLE READ and SERIALIZABLE an
-- acceptance that committed after the caller's snapshot is a serialization failure (40001): the
-- transaction has to be run again, and gets false then. Locks nothing else; who accepts several
-- events in one transaction does so in one order, or two of them may deadlock (40P01).
create or replace function ledger.accept_event(
  consumer text,
  event_id uuid,
  event_type text default null,
  tenant_id text default null
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(accept_event.tenant_id, ledger.setting('tenant_id'), 'default');
  v_is_first boolean;
begin
  perform ledger.require_tenant(v_tenant_id, 'consume');
  perform ledger.require_inbox_key(v_tenant_id, accept_event.consumer, accept_event.event_id);
  insert into ledger.inbox (tenant_id, consumer, event_id, event_type, processed_at)
  values (
    v_tenant_id, accept_event.consumer, accept_event.event_id, accept_event.event_type,
    clock_timestamp()
  )
  on conflict do nothing;
  v_is_first := found;
  -- Also when it is not the first: a failure may have been recorded while another one succeeded.
  delete from ledger.inbox_failures as f
  where f.tenant_id = v_tenant_id
    and f.consumer = accept_event.consumer
    and f.event_id = accept_event.event_id
    and f.discarded_at is null;
  return v_is_first;
end
$$;

comment on function ledger.accept_event(text, uuid, text, text) is
  'Call it first in the transaction that processes an event: true once per consumer and event, '
  'false for a duplicate. 40001 above READ COMMITTED when another transaction was faster. For '
  'consumers.';

-- from sql/inbox/refuse_failure.sql
-- Names the rule that the arguments of fail_event() break (LG009); returns when none is broken.
create or replace function ledger.refuse_failure(
  message jsonb,
  max_attempts int,
  retry_after interval
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := case
    when jsonb_typeof(message) <> 'object' then 'message must be a JSON object'
    when max_attempts >= 1 is not true then
      format('max_attempts is %s, not 1 or more', coalesce(max_attempts::text, 'NULL'))
    when retry_after not between interval '0' and interval '1 year' then
      format('retry_after is %s, not 0 to a year', retry_after)
  end;
begin
  if v_reason is not null then
    raise exception using
      errcode = 'LG009',
      message = v_reason,
      hint = 'See comment on function ledger.fail_event for what each argument takes.';
  end if;
end
$$;

comment on function ledger.refuse_failure(jsonb, int, interval) is
  'Part of fail_event(): raises LG009 with the first rule that the arguments break.';

-- from sql/inbox/fail_event.sql
-- Records that a consumer failed to process an event, after the transaction that tried has rolled
-- back and in another one. The event is due again after backoff(), or after retry_after where
-- that is longer; it is dead when it has failed max_attempts times (1: at once). NULL when another
-- session has processed the event meanwhile. Locks the event's row here.
create or replace function ledger.fail_event(
  consumer text,
  event_id uuid,
  error text,
  event_type text default null,
  message jsonb default null,
  max_attempts int default 10,
  retry_after interval default null,
  tenant_id text default null
)
returns ledger.inbox_failures
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(fail_event.tenant_id, ledger.setting('tenant_id'), 'default');
  c_min_backoff constant interval := interval '1 second';
  c_max_backoff constant interval := interval '1 hour';
  v_now timestamptz := clock_timestamp();
  v_failure ledger.inbox_failures;
begin
  perform ledger.require_tenant(v_tenant_id, 'consume');
  perform ledger.require_inbox_key(v_tenant_id, fail_event.consumer, fail_event.event_id);
  perform ledger.refuse_failure(
    fail_event.message, fail_event.max_attempts, fail_event.retry_after
  );

  insert into ledger.inbox_failures as f (
    tenant_id, consumer, event_id, event_type, attempts, last_error, failed_at, next_attempt_at,
    is_dead, message
  )
  values (
    v_tenant_id, fail_event.consumer, fail_event.event_id, fail_event.event_type, 1,
    left(coalesce(fail_event.error, ''), 4000), v_now,
    case
      when fail_event.max_attempts > 1 then
        v_now + ledger.backoff(1, c_min_backoff, c_max_backoff, fail_event.retry_after)
    end,
    fail_event.max_attempts = 1, fail_event.message
  )
  on conflict on constraint inbox_failures_pkey do update
  set
    event_type = coalesce(excluded.event_type, f.event_type),
    attempts = f.attempts + 1,
    last_error = excluded.last_error,
    failed_at = excluded.failed_at,
    next_attempt_at = case
      when fail_event.max_attempts > f.attempts + 1 then
        v_now + ledger.backoff(
          f.attempts + 1, c_min_backoff, c_max_backoff, fail_event.retry_after
        )
    end,
    is_dead = fail_event.max_attempts <= f.attempts + 1,
    message = coalesce(excluded.message, f.message)
  where f.discarded_at is null
  returning f.* into v_failure;

  -- Last, and so with what was committed while this session waited for the row.
  if exists (
    select
    from ledger.inbox as i
    where i.tenant_id = v_tenant_id
      and i.consumer = fail_event.consumer
      and i.event_id = fail_event.event_id
  ) then
    delete from ledger.inbox_failures as f
    where f.tenant_id = v_tenant_id
      and f.consumer = fail_event.consumer
      and f.event_id = fail_event.event_id
      and f.discarded_at is null;
    return null;
  end if;
  return v_failure;
end
$$;

comment on function ledger.fail_event(text, uuid, text, text, jsonb, int, interval, text) is
  'Records that a consumer failed to process an event: attempts so far, when it is due again '
  '(doubling from a second to an hour, or retry_after if longer), or that it is dead after '
  'max_attempts. NULL when it was processed meanwhile. Not in the transaction that failed. For '
  'consumers.';

-- from sql/inbox/claim_failures.sql
-- The failures of a consumer that are due, the longest due first, for the caller alone while `lease`
-- lasts. It commits, and then takes one message after the other as if it had just come:
-- accept_event() decides, and takes the failure away with it. A lease and no lock, because a lock
-- held here would deadlock with who accepts the same event and then looks here; whoever dies leaves
-- them due again after the lease. Skips what others hold.
create or replace function ledger.claim_failures(
  consumer text,
  max_rows int default 100,
  lease interval default '5 minutes',
  tenant_id text default null
)
returns setof ledger.inbox_failures
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_tenants text[];
begin
  perform ledger.require_max_rows(claim_failures.max_rows);
  if claim_failures.lease between interval '1 second' and interval '1 day' is not true then
    raise exception using
      errcode = 'LG009',
      message = format('lease is %s', coalesce(claim_failures.lease::text, 'NULL')),
      hint = 'One second to a day: longer than it takes to process all that is claimed.';
  end if;
  if claim_failures.tenant_id is null then
    v_tenants := ledger.permitted_tenants('consume');
  else
    perform ledger.require_tenant(claim_failures.tenant_id, 'consume');
    v_tenants := array[claim_failures.tenant_id];
  end if;

  return query
  with due as (
    select f.tenant_id, f.consumer, f.event_id
    from ledger.inbox_failures as f
    where f.consumer = claim_failures.consumer
      and f.next_attempt_at <= v_now
      and f.message is not null
      and (f.tenant_id = any(v_tenants) or v_tenants = '{*}')
    order by f.next_attempt_at
    limit claim_failures.max_rows
    for update skip locked
  ),
  claimed as (
    update ledger.inbox_failures as f
    set next_attempt_at = v_now + claim_failures.lease
    from due as d
    where f.tenant_id = d.tenant_id and f.consumer = d.consumer and f.event_id = d.event_id
    returning f.*
  )
  select c.* from claimed as c
  order by c.failed_at, c.event_id;
end
$$;

comment on function ledger.claim_failures(text, int, interval, text) is
  'Failures of a consumer that are due, with their messages, for the caller alone until the lease '
  'is over: of one tenant, or of every tenant the caller consumes for. Commit, then process each '
  'like a new message. For consumers.';

-- from sql/inbox/refuse_unknown_failure.sql
create or replace function ledger.refuse_unknown_failure(
  tenant_id text,
  consumer text,
  event_id uuid
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG009',
    message = format(
      'event %s is no failure of consumer %L of tenant %s',
      refuse_unknown_failure.event_id, refuse_unknown_failure.consumer,
      refuse_unknown_failure.tenant_id
    ),
    detail = 'It was processed or discarded, or it never failed.',
    hint = 'select * from ledger.inbox_status;';
end
$$;

comment on function ledger.refuse_unknown_failure(text, text, uuid) is
  'Part of requeue_failures() and discard_failure(): raises LG009.';

-- from sql/inbox/requeue_failures.sql
-- Dead messages of a consumer are due again at once, with all their attempts before them: all of the
-- tenant's, or one, which may also be one that only waits. Who processes them is the consumer, with
-- claim_failures(); one without a message only its broker can deliver again.
create or replace function ledger.requeue_failures(
  consumer text,
  event_id uuid default null,
  tenant_id text default null
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(requeue_failures.tenant_id, ledger.setting('tenant_id'), 'default');
  v_count bigint;
begin
  perform ledger.require_tenant(v_tenant_id, 'operate');
  update ledger.inbox_failures as f
  set attempts = 0, is_dead = false, next_attempt_at = clock_timestamp()
  where f.tenant_id = v_tenant_id
    and f.consumer = requeue_failures.consumer
    and f.discarded_at is null
    and (f.event_id = requeue_failures.event_id or (requeue_failures.event_id is null and f.is_dead));
  get diagnostics v_count = row_count;
  if v_count = 0 and requeue_failures.event_id is not null then
    perform ledger.refuse_unknown_failure(
      v_tenant_id, requeue_failures.consumer, requeue_failures.event_id
    );
  end if;
  return v_count;
end
$$;

comment on function ledger.requeue_failures(text, uuid, text) is
  'Makes dead messages of a consumer due again, all of the tenant''s or one; returns how many. For '
  'operators.';

-- from sql/inbox/discard_failure.sql
-- Gives a failed message up: it counts as processed, also if it is delivered again. What it was, who
-- decided and why is kept until purge_inbox() takes it.
create or replace function ledger.discard_failure(
  consumer text,
  event_id uuid,
  reason text,
  tenant_id text default null
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(discard_failure.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_tenant(v_tenant_id, 'operate');
  perform ledger.require_reason('reason', discard_failure.reason);
  -- The inbox first, as accept_event() does: neither deadlocks the other.
  insert into ledger.inbox (tenant_id, consumer, event_id, event_type, processed_at)
  select f.tenant_id, f.consumer, f.event_id, f.event_type, clock_timestamp()
  from ledger.inbox_failures as f
  where f.tenant_id = v_tenant_id
    and f.consumer = discard_failure.consumer
    and f.event_id = discard_failure.event_id
    and f.discarded_at is null
  on conflict do nothing;
  update ledger.inbox_failures as f
  set
    is_dead = true,
    next_attempt_at = null,
    discarded_at = clock_timestamp(),
    discarded_by = ledger.caller(),
    discard_reason = discard_failure.reason
  where f.tenant_id = v_tenant_id
    and f.consumer = discard_failure.consumer
    and f.event_id = discard_failure.event_id
    and f.discarded_at is null;
  if not found then
    perform ledger.refuse_unknown_failure(
      v_tenant_id, discard_failure.consumer, discard_failure.event_id
    );
  end if;
end
$$;

comment on function ledger.discard_failure(text, uuid, text, text) is
  'Gives a message up that a consumer failed to process: it counts as processed. The reason is '
  'kept. For operators.';

-- from sql/inbox/purge_inbox.sql
-- Forgets what was processed, or discarded, longer ago than that: at most max_rows of each, the
-- oldest first, in the caller's transaction; call it again while it returns that many. A duplicate
-- that arrives later than this IS PROCESSED AGAIN: keep the inbox for longer than any broker
-- redelivers, any relay is rewound and any backup of a broker is old. Failures that nobody decided
-- about are never deleted. Locks the rows it deletes, which nobody else writes.
create or replace function ledger.purge_inbox(
  older_than interval default null,
  max_rows int default 10000
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_before timestamptz;
  v_count bigint;
begin
  perform ledger.require_tenant('*', 'operate');
  perform ledger.require_max_rows(purge_inbox.max_rows);
  if purge_inbox.older_than < interval '1 hour' then
    raise exception using
      errcode = 'LG009',
      message = format('older_than is %s, less than an hour', purge_inbox.older_than),
      hint = 'What is purged is processed again when it is delivered again: keep it for days.';
  end if;
  v_before := clock_timestamp() - coalesce(
    purge_inbox.older_than, (select r.inbox_for from ledger.retention_policy as r)
  );
  delete from ledger.inbox as i
  where i.ctid = any(array(
    select o.ctid
    from ledger.inbox as o
    where o.processed_at < v_before
    order by o.processed_at
    limit purge_inbox.max_rows
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  delete from ledger.inbox_failures as f
  where f.ctid = any(array(
    select o.ctid
    from ledger.inbox_failures as o
    where o.discarded_at < v_before
    limit purge_inbox.max_rows
    for update skip locked
  ));
  return v_count;
end
$$;

comment on function ledger.purge_inbox(interval, int) is
  'Forgets events processed longer ago than older_than (default retention_policy.inbox_for; NULL = '
  'nothing), max_rows at a time; returns how many. A duplicate that arrives later than that is '
  'processed again. For operators of every tenant.';

-- from sql/privacy/subject_hash.sql
-- The person in what can never be erased: events and the table of erasures. Who knows the id can
-- look for it; who does not cannot read it off. Ids that can be guessed (an e-mail address) can be
-- tried out: use ids that mean nothing elsewhere.
create or replace function ledger.subject_hash(subject_id text, tenant_id text)
returns bytea
language sql
immutable
parallel safe
return sha256(
  convert_to('agent-events/subject/v1', 'UTF8') || '\x00'::bytea
  || convert_to(tenant_id, 'UTF8') || '\x00'::bytea || convert_to(subject_id, 'UTF8')
);

comment on function ledger.subject_hash(text, text) is
  'SHA-256("agent-events/subject/v1" 0x00 || tenant_id || 0x00 || subject_id): how erasures and '
  'events of the ledger name a person.';

-- from sql/privacy/active_holds.sql
-- The holds that bind now. Row-level security of the table decides whose a reader sees.
create or replace view ledger.active_holds
with (security_barrier = true, security_invoker = true) as
select
  h.tenant_id,
  h.id,
  h.aggregate_type,
  h.aggregate_id,
  h.correlation_id,
  h.subject_id,
  h.from_time,
  h.to_time,
  h.reason,
  h.placed_by,
  h.placed_at,
  h.until_time
from ledger.legal_holds as h
where h.released_at is null and coalesce(h.until_time > statement_timestamp(), true);

comment on view ledger.active_holds is
  'The legal holds that bind now: neither released nor past their until_time.';

-- from sql/privacy/covers.sql
-- Whether an event lies in a hold's scope, its subject_id aside: that stands in event_private.
-- Inlined by the planner.
create or replace function ledger.covers(
  hold ledger.legal_holds,
  aggregate_type text,
  aggregate_id text,
  correlation_id uuid,
  created_at timestamptz
)
returns boolean
language sql
immutable
parallel safe
return coalesce((hold).aggregate_type = aggregate_type, (hold).aggregate_type is null)
  and coalesce((hold).aggregate_id = aggregate_id, (hold).aggregate_id is null)
  and coalesce((hold).correlation_id = correlation_id, (hold).correlation_id is null)
  and coalesce((hold).from_time <= created_at, true)
  and coalesce((hold).to_time > created_at, true);

comment on function ledger.covers(ledger.legal_holds, text, text, uuid, timestamptz) is
  'Part of held_by(): whether an event lies in a hold''s scope, but for the subject.';

-- from sql/privacy/held_by.sql
-- The active holds that cover any of these events, or any event of this time: what must not be
-- erased or dropped. Without event_ids it means the events created from from_time (included) to
-- to_time (not included). A hold on a person covers the events that still have private data about
-- it. Of an event in a cold file only time and person are known: a hold on a stream or correlation
-- counts as covering it. For a time, each hold not on a person reads the tenant's events until one is covered (2 us an
-- event). Locks nothing.
create or replace function ledger.held_by(
  event_ids uuid[] default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  tenant_id text default null
)
returns setof ledger.legal_holds
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(held_by.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_any(v_tenant_id, '{operate,privacy,audit}');
  return query
  select h.*
  from ledger.active_holds as a
  join ledger.legal_holds as h on h.tenant_id = a.tenant_id and h.id = a.id
  where a.tenant_id = v_tenant_id
    and case
      when held_by.event_ids is not null then exists (
        select
        from unnest(held_by.event_ids) as wanted (id)
        left join ledger.events as e
          on e.tenant_id = v_tenant_id
          and e.created_at = ledger.event_time(wanted.id)
          and e.id = wanted.id
        left join ledger.event_private as p
          on p.tenant_id = v_tenant_id and p.event_id = wanted.id
        where case
            when e.id is not null then ledger.covers(
              h, e.aggregate_type, e.aggregate_id, e.correlation_id, e.created_at
            )
            else ledger.covers(
              h, h.aggregate_type, h.aggregate_id, h.correlation_id, ledger.event_time(wanted.id)
            ) and ledger.is_cold(v_tenant_id, wanted.id)
          end
          and coalesce(h.subject_id = p.subject_id, h.subject_id is null)
      )
      when h.subject_id is not null then exists (
        select
        from ledger.event_private as p
        join ledger.events as e
          on e.tenant_id = p.tenant_id
          and e.created_at = ledger.event_time(p.event_id)
          and e.id = p.event_id
        where p.tenant_id = v_tenant_id
          and p.subject_id = h.subject_id
          and e.created_at >= coalesce(held_by.from_time, '-infinity')
          and e.created_at < coalesce(held_by.to_time, 'infinity')
          and ledger.covers(h, e.aggregate_type, e.aggregate_id, e.correlation_id, e.created_at)
      )
      else exists (
        select
        from ledger.events as e
        where e.tenant_id = v_tenant_id
          and e.created_at >= coalesce(held_by.from_time, '-infinity')
          and e.created_at < coalesce(held_by.to_time, 'infinity')
          and ledger.covers(h, e.aggregate_type, e.aggregate_id, e.correlation_id, e.created_at)
      )
    end
  order by h.placed_at, h.id;
end
$$;

comment on function ledger.held_by(uuid[], timestamptz, timestamptz, text) is
  'The active legal holds that cover any of the events, given by their ids or by the time they '
  'were created in; none when they may be erased or dropped.';

-- from sql/privacy/lock_holds.sql
-- Lets one transaction at a time place a hold, erase or drop, per tenant: whichever commits first
-- has won, and the other sees it. Locks the tenant's holds until the transaction ends; emitting and
-- reading do not wait. What was placed meanwhile only a new snapshot shows, hence READ COMMITTED.
create or replace function ledger.lock_holds(tenant_id text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.require_read_committed('whatever holds or erases');
  perform pg_advisory_xact_lock(hashtextextended(lock_holds.tenant_id, 7306));
end
$$;

comment on function ledger.lock_holds(text) is
  'Part of place_hold(), erase_private() and whatever drops events: one at a time per tenant.';

-- from sql/privacy/refuse_held.sql
-- Raises LG008 for a hold that stands in the way.
create or replace function ledger.refuse_held(hold ledger.legal_holds)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG008',
    message = format('a legal hold of tenant %s forbids it', (hold).tenant_id),
    detail = format(
      'Hold %s, placed by %s at %s: %s. It binds until %s.',
      (hold).id, (hold).placed_by, (hold).placed_at, (hold).reason,
      coalesce((hold).until_time::text, 'it is released')
    ),
    hint = format(
      'select * from ledger.active_holds shows every hold. When it is over: '
      'select ledger.release_hold(%L, ''<reason>'', %L);', (hold).id, (hold).tenant_id
    );
end
$$;

comment on function ledger.refuse_held(ledger.legal_holds) is
  'Part of require_no_hold() and expire_cold(): LG008 with the hold that forbids it.';

-- from sql/privacy/require_no_hold.sql
-- Raises LG008 when an active hold covers any of the events (as held_by() takes them); call it
-- before anything is erased or dropped, in the same transaction. Locks the tenant's holds until the
-- transaction ends, so that none is placed in between.
create or replace function ledger.require_no_hold(
  event_ids uuid[] default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  tenant_id text default null
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(require_no_hold.tenant_id, ledger.setting('tenant_id'), 'default');
  v_hold ledger.legal_holds;
begin
  perform ledger.lock_holds(v_tenant_id);
  select h.* into v_hold
  from ledger.held_by(
    require_no_hold.event_ids, require_no_hold.from_time, require_no_hold.to_time, v_tenant_id
  ) as h
  limit 1;
  if found then
    perform ledger.refuse_held(v_hold);
  end if;
end
$$;

comment on function ledger.require_no_hold(uuid[], timestamptz, timestamptz, text) is
  'Raises LG008 when an active legal hold covers any of the events; none is placed until the '
  'transaction ends.';

-- from sql/privacy/require_reason.sql
-- Holds, erasures and private reads must say what for.
create or replace function ledger.require_reason(name text, reason text)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if length(btrim(require_reason.reason)) between 1 and 1000 is not true then
    raise exception using
      errcode = 'LG009',
      message = format('%s must have 1 to 1000 characters', require_reason.name),
      hint = 'Say what for, such as the number of a request or matter. It is kept for good: name '
        'no person.';
  end if;
end
$$;

comment on function ledger.require_reason(text, text) is
  'Raises LG009 unless there is a reason of 1 to 1000 characters.';

-- from sql/privacy/refuse_hold.sql
-- Names the rule that a new hold breaks (LG009); returns when none is broken.
create or replace function ledger.refuse_hold(hold ledger.legal_holds)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := case
    when (hold.aggregate_type is null) <> (hold.aggregate_id is null) then
      'aggregate_type and aggregate_id go together'
    when hold.aggregate_type = '' or hold.aggregate_id = '' or hold.subject_id = '' then
      'an empty text covers nothing'
    when not isfinite(hold.from_time) or not isfinite(hold.to_time)
      or not isfinite(hold.until_time) then 'times must be finite'
    when hold.from_time >= hold.to_time then 'from_time must lie before to_time'
    when hold.until_time <= clock_timestamp() then 'until_time has passed'
    when hold.until_time >= '10000-01-01Z' then 'until_time lies beyond the year 9999'
  end;
begin
  perform ledger.require_reason('reason', hold.reason);
  if v_reason is not null then
    raise exception using
      errcode = 'LG009',
      message = v_reason,
      hint = 'Leave out what the hold is not limited by: without any limit it covers the tenant.';
  end if;
end
$$;

comment on function ledger.refuse_hold(ledger.legal_holds) is
  'Part of place_hold(): raises LG009 with the first rule that the hold breaks.';

-- from sql/privacy/hold_scope.sql
-- A hold's scope as ledger.hold_placed and ledger.hold_released tell it. Those events can never be
-- erased, so the person stands there as a hash.
create or replace function ledger.hold_scope(hold ledger.legal_holds)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
return jsonb_strip_nulls(jsonb_build_object(
  'aggregate_type', (hold).aggregate_type,
  'aggregate_id', (hold).aggregate_id,
  'correlation_id', (hold).correlation_id,
  'subject_hash', encode(ledger.subject_hash((hold).subject_id, (hold).tenant_id), 'hex'),
  'from_time', (hold).from_time,
  'to_time', (hold).to_time
));

comment on function ledger.hold_scope(ledger.legal_holds) is
  'Part of place_hold() and release_hold(): the scope as their events tell it.';

-- from sql/privacy/place_hold.sql
-- Places a legal hold and says so in an event ledger.hold_placed. Locks the tenant's holds until
-- the transaction ends: an erasure or drop under way is waited for, later ones see the hold.
create or replace function ledger.place_hold(
  reason text,
  aggregate_type text default null,
  aggregate_id text default null,
  correlation_id uuid default null,
  subject_id text default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  until_time timestamptz default null,
  tenant_id text default null
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_hold ledger.legal_holds := row(
    coalesce(place_hold.tenant_id, ledger.setting('tenant_id'), 'default'), gen_random_uuid(),
    place_hold.aggregate_type, place_hold.aggregate_id, place_hold.correlation_id,
    place_hold.subject_id, place_hold.from_time, place_hold.to_time, place_hold.reason,
    ledger.caller(), null, place_hold.until_time, null, null, null
  );
begin
  perform ledger.require_any(v_hold.tenant_id, '{operate,privacy}');
  perform ledger.refuse_hold(v_hold);
  perform ledger.lock_holds(v_hold.tenant_id);
  v_hold.placed_at := clock_timestamp();
  insert into ledger.legal_holds select v_hold.*;
  perform from ledger.emit_event(
    'ledger.hold_placed',
    jsonb_strip_nulls(jsonb_build_object(
      'hold_id', v_hold.id,
      'scope', ledger.hold_scope(v_hold),
      'reason', v_hold.reason,
      'placed_by', v_hold.placed_by,
      'expires_at', to_char(v_hold.until_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    )),
    tenant_id => v_hold.tenant_id,
    aggregate_type => 'legal_hold',
    aggregate_id => v_hold.id::text
  );
  return v_hold.id;
end
$$;

comment on function ledger.place_hold(
  text, text, text, uuid, text, timestamptz, timestamptz, timestamptz, text
) is
  'Places a legal hold on a stream, correlation, person or time, on what all of those given have '
  'in common, or on the whole tenant when none is given; returns its id. For operators and '
  'privacy officers.';

-- from sql/privacy/release_hold.sql
-- Ends a legal hold and says so in an event ledger.hold_released; the row stays. Locks that row
-- until the transaction ends.
create or replace function ledger.release_hold(id uuid, reason text, tenant_id text default null)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(release_hold.tenant_id, ledger.setting('tenant_id'), 'default');
  v_hold ledger.legal_holds;
begin
  perform ledger.require_any(v_tenant_id, '{operate,privacy}');
  perform ledger.require_reason('reason', release_hold.reason);
  update ledger.legal_holds as h
  set
    released_at = clock_timestamp(),
    released_by = ledger.caller(),
    release_reason = release_hold.reason
  where h.tenant_id = v_tenant_id and h.id = release_hold.id and h.released_at is null
  returning h.* into v_hold;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format(
        'tenant %s has no hold %s that could be released', v_tenant_id, release_hold.id
      ),
      hint = 'select * from ledger.legal_holds shows every hold, and which were released.';
  end if;
  perform from ledger.emit_event(
    'ledger.hold_released',
    jsonb_build_object(
      'hold_id', v_hold.id,
      'scope', ledger.hold_scope(v_hold),
      'reason', v_hold.release_reason,
      'released_by', v_hold.released_by
    ),
    tenant_id => v_tenant_id,
    aggregate_type => 'legal_hold',
    aggregate_id => v_hold.id::text
  );
end
$$;

comment on function ledger.release_hold(uuid, text, text) is
  'Ends a legal hold: what it covered may be erased and dropped again. For operators and privacy '
  'officers.';

-- from sql/privacy/private_ids.sql
-- The events with private data that a person's id, or an event's own, stands for.
create or replace function ledger.private_ids(tenant_id text, subject_id text, event_id uuid)
returns uuid[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if num_nonnulls(private_ids.subject_id, private_ids.event_id) <> 1 then
    raise exception using
      errcode = 'LG009',
      message = 'give a subject_id or an event_id, one of the two',
      hint = 'subject_id means all private data about a person, event_id that of one event.';
  end if;
  return array(
    select p.event_id
    from ledger.event_private as p
    where p.tenant_id = private_ids.tenant_id and p.event_id = private_ids.event_id
    union all
    select p.event_id
    from ledger.event_private as p
    where p.tenant_id = private_ids.tenant_id and p.subject_id = private_ids.subject_id
    order by 1
  );
end
$$;

comment on function ledger.private_ids(text, text, uuid) is
  'Part of read_private() and erase_private(): the events with private data that are meant.';

-- from sql/privacy/listed_ids.sql
-- Ids as an event's payload lists them, whose size is limited: NULL when there are too many.
create or replace function ledger.listed_ids(event_ids uuid[])
returns jsonb
language sql
immutable
parallel safe
return case when cardinality(event_ids) <= 10000 then to_jsonb(event_ids) end;

comment on function ledger.listed_ids(uuid[]) is
  'Part of read_private() and erase_private(): up to 10,000 event ids for an event''s payload.';

-- from sql/privacy/erasure_certificate.sql
-- What erase_private() returns.
create type ledger.erasure_certificate as (
  erasure_id uuid,
  event_count int,
  event_ids uuid[],  -- noqa: LT01
  private_hashes bytea[],  -- noqa: LT01
  erased_at timestamptz
);

comment on type ledger.erasure_certificate is
  'Certificate of an erasure: the event ledger.private_erased that records it (NULL when there '
  'was nothing to erase), the events, and the hashes of what was erased, which those events keep '
  'as private_hash.';

-- from sql/privacy/erase_private.sql
-- Erases the private data about a person, or of one event: salt and data are deleted for good, the
-- events and their hashes stay. Refuses under a legal hold on any of the events (LG008); then
-- nothing is erased. An event ledger.private_erased and ledger.erasures record it. Nothing to erase
-- (no such event, none of its own, erased before) gives a certificate of 0 events and no event.
-- Locks the tenant's holds until the transaction ends: one erasure at a time.
create or replace function ledger.erase_private(
  subject_id text default null,
  event_id uuid default null,
  reason text default null,
  tenant_id text default null
)
returns ledger.erasure_certificate
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(erase_private.tenant_id, ledger.setting('tenant_id'), 'default');
  v_ids uuid[];
  v_certificate ledger.erasure_certificate := row(null, 0, '{}', '{}', null);
begin
  perform ledger.require_tenant(v_tenant_id, 'privacy');
  perform ledger.require_reason('reason', erase_private.reason);
  perform ledger.lock_holds(v_tenant_id);
  v_ids := ledger.private_ids(v_tenant_id, erase_private.subject_id, erase_private.event_id);
  if v_ids = '{}' then
    return v_certificate;
  end if;
  perform ledger.require_no_hold(v_ids, tenant_id => v_tenant_id);

  select r.id, cardinality(v_ids), r.created_at
  into v_certificate.erasure_id, v_certificate.event_count, v_certificate.erased_at
  from ledger.emit_event(
    'ledger.private_erased',
    jsonb_strip_nulls(jsonb_build_object(
      'subject_hash',
      encode(ledger.subject_hash(erase_private.subject_id, v_tenant_id), 'hex'),
      'event_ids', ledger.listed_ids(v_ids),
      'event_count', cardinality(v_ids),
      'reason', erase_private.reason,
      'erased_by', ledger.caller()
    )),
    tenant_id => v_tenant_id
  ) as r;
  with erased as (
    delete from ledger.event_private as p
    where p.tenant_id = v_tenant_id and p.event_id = any(v_ids)
    returning p.event_id, p.subject_id, ledger.private_hash(p.salt, p.private) as private_hash
  ),
  recorded as (
    insert into ledger.erasures (
      tenant_id, event_id, erasure_id, private_hash, subject_hash, erased_at
    )
    select
      v_tenant_id, g.event_id, v_certificate.erasure_id, g.private_hash,
      ledger.subject_hash(g.subject_id, v_tenant_id), v_certificate.erased_at
    from erased as g
    returning event_id, private_hash
  )
  select array_agg(r.event_id order by r.event_id), array_agg(r.private_hash order by r.event_id)
  into v_certificate.event_ids, v_certificate.private_hashes
  from recorded as r;
  return v_certificate;
end
$$;

comment on function ledger.erase_private(text, uuid, text, text) is
  'Deletes the private data about a person (subject_id) or of one event (event_id) for good; the '
  'events and their hashes stay. LG008 under a legal hold. Returns the certificate. For privacy '
  'officers.';

-- from sql/privacy/private_event.sql
-- What read_private() and subject_report() return.
create type ledger.private_event as (
  event_id uuid,
  created_at timestamptz,
  position bigint,  -- noqa: RF04
  event_type text,
  schema_version int,
  aggregate_type text,
  aggregate_id text,
  subject_id text,
  payload jsonb,
  private jsonb,
  erasure_id uuid,
  erased_at timestamptz
);

comment on type ledger.private_event is
  'An event with its private data: payload has its private fields back in it, private is what was '
  'given beside them. position is NULL while it is not sealed. Where the data was erased, '
  'erasure_id and erased_at say so, and payload is what is left. Of an event in a cold file there '
  'is what the database keeps: no event_type, and of payload the private fields only.';

-- from sql/privacy/private_events.sql
-- Events with their private data: the fields of the payload back in it, the rest beside it. Of an
-- event in a cold file there is the private data only, which never leaves the database.
create or replace function ledger.private_events(tenant_id text, event_ids uuid[])
returns setof ledger.private_event
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
  select
    wanted.id, ledger.event_time(wanted.id), l.position, e.event_type, e.schema_version, e.aggregate_type,
    e.aggregate_id, p.subject_id,
    ledger.merge_private(coalesce(e.payload, '{}'), coalesce(p.private -> 'payload', '{}')),
    p.private - 'payload', null::uuid, null::timestamptz
  from unnest(private_events.event_ids) as wanted (id)
  join ledger.event_private as p
    on p.tenant_id = private_events.tenant_id and p.event_id = wanted.id
  left join ledger.events as e
    on e.tenant_id = p.tenant_id
    and e.created_at = ledger.event_time(wanted.id)
    and e.id = wanted.id
  left join ledger.log_entries as l on l.tenant_id = p.tenant_id and l.event_id = wanted.id
  where e.id is not null or ledger.is_cold(p.tenant_id, wanted.id)
  order by wanted.id
$$;

comment on function ledger.private_events(text, uuid[]) is
  'Part of read_private() and subject_report(): events with their private data.';

-- from sql/privacy/erased_events.sql
-- Events whose private data about a person was erased, as far as the record names the person. Of an
-- event in a cold file there is little to say.
create or replace function ledger.erased_events(tenant_id text, subject_id text)
returns setof ledger.private_event
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
  select
    x.event_id, ledger.event_time(x.event_id), l.position, e.event_type, e.schema_version, e.aggregate_type,
    e.aggregate_id, erased_events.subject_id, e.payload, null::jsonb, x.erasure_id, x.erased_at
  from ledger.erasures as x
  left join ledger.events as e
    on e.tenant_id = x.tenant_id
    and e.created_at = ledger.event_time(x.event_id)
    and e.id = x.event_id
  left join ledger.log_entries as l on l.tenant_id = x.tenant_id and l.event_id = x.event_id
  where x.tenant_id = erased_events.tenant_id
    and x.subject_hash = ledger.subject_hash(erased_events.subject_id, erased_events.tenant_id)
    and (e.id is not null or ledger.is_cold(x.tenant_id, x.event_id))
  order by x.event_id
$$;

comment on function ledger.erased_events(text, text) is
  'Part of subject_report(): events whose private data about a person was erased.';

-- from sql/privacy/record_read.sql
-- Says who reads private data and what for, in an event ledger.private_read; and, because a reader
-- could roll that back, in the server's log too.
create or replace function ledger.record_read(
  tenant_id text,
  subject_id text,
  event_ids uuid[],
  purpose text
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise log 'role % reads private data of % events of tenant %: %',
    ledger.caller(), cardinality(event_ids), tenant_id, purpose;
  perform from ledger.emit_event(
    'ledger.private_read',
    jsonb_strip_nulls(jsonb_build_object(
      'reader', ledger.caller(),
      'purpose', purpose,
      'subject_hash', encode(ledger.subject_hash(subject_id, tenant_id), 'hex'),
      'event_ids', ledger.listed_ids(event_ids),
      'event_count', cardinality(event_ids)
    )),
    tenant_id => record_read.tenant_id
  );
end
$$;

comment on function ledger.record_read(text, text, uuid[], text) is
  'Part of read_private() and subject_report(): emits ledger.private_read.';

-- from sql/privacy/read_private.sql
-- The private data of one event, or about a person, in time order. Every call is an event
-- ledger.private_read, also one that finds nothing. Locks nothing.
create or replace function ledger.read_private(
  event_id uuid default null,
  subject_id text default null,
  purpose text default null,
  tenant_id text default null
)
returns setof ledger.private_event
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(read_private.tenant_id, ledger.setting('tenant_id'), 'default');
  v_ids uuid[];
begin
  perform ledger.require_tenant(v_tenant_id, 'privacy');
  perform ledger.require_reason('purpose', read_private.purpose);
  v_ids := ledger.private_ids(v_tenant_id, read_private.subject_id, read_private.event_id);
  perform ledger.record_read(
    v_tenant_id, read_private.subject_id, v_ids, read_private.purpose
  );
  return query select e.* from ledger.private_events(v_tenant_id, v_ids) as e;
end
$$;

comment on function ledger.read_private(uuid, text, text, text) is
  'The private data of one event (event_id) or about a person (subject_id), back in the events'' '
  'payloads; purpose says what for. Each call is an event ledger.private_read. For privacy '
  'officers.';

-- from sql/privacy/subject_report.sql
-- Everything that is held about a person, in time order: the events with private data about it, and
-- those whose data was erased. An event ledger.private_read says who asked. Locks nothing.
create or replace function ledger.subject_report(subject_id text, tenant_id text default null)
returns setof ledger.private_event
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(subject_report.tenant_id, ledger.setting('tenant_id'), 'default');
  v_ids uuid[];
begin
  perform ledger.require_tenant(v_tenant_id, 'privacy');
  v_ids := ledger.private_ids(v_tenant_id, subject_report.subject_id, null);
  perform ledger.record_read(v_tenant_id, subject_report.subject_id, v_ids, 'subject report');
  return query
  select r.*
  from (
    select e.* from ledger.private_events(v_tenant_id, v_ids) as e
    union all
    select e.* from ledger.erased_events(v_tenant_id, subject_report.subject_id) as e
  ) as r
  order by r.created_at, r.event_id, r.erased_at;
end
$$;

comment on function ledger.subject_report(text, text) is
  'Everything held about a person: events with private data about it, and those whose data was '
  'erased. Is an event ledger.private_read. For privacy officers.';

-- from sql/export/exported_event.sql
-- What export_events() returns.
create type ledger.exported_event as (
  id uuid,
  created_at timestamptz,
  tenant_id text,
  event_type text,
  schema_version int,
  description text,
  aggregate_type text,
  aggregate_id text,
  sequence bigint,
  actor_type text,
  actor_id text,
  outcome text,
  payload jsonb,
  private jsonb,
  deal_id uuid,
  action_id uuid,
  run_id uuid,
  trace_id uuid,
  correlation_id uuid,
  causation_id uuid,
  proof jsonb,
  metadata jsonb,
  occurred_at timestamptz,
  private_hash bytea,
  prev_hash bytea,
  hash bytea,
  position bigint,  -- noqa: RF04
  inclusion_proof bytea[]  -- noqa: LT01
);

comment on type ledger.exported_event is
  'An event as it is exported: description is its type''s summary filled in; private is NULL in a '
  'redacted export; position and inclusion_proof (RFC 9162, from the leaf up, for the tree_size of '
  'ledger.export_started) are NULL without proof, and for events that were not in that tree.';

-- from sql/export/begin_export.sql
-- Says what is about to leave the database, in an event ledger.export_started whose id names the
-- export. export_events() gives nothing before that is committed: whoever got data is on record,
-- also when the export was never finished. An unredacted one is in the server's log, too. Locks
-- nothing.
create or replace function ledger.begin_export(
  format text,
  aggregate_type text default null,
  aggregate_id text default null,
  event_types text[] default null,
  action_prefix text default null,
  actor_type text default null,
  actor_id text default null,
  outcome text default null,
  correlation_id uuid default null,
  run_id uuid default null,
  trace_id uuid default null,
  deal_id uuid default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  with_proof boolean default false,
  redacted boolean default true,
  purpose text default null,
  tenant_id text default null
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(begin_export.tenant_id, ledger.setting('tenant_id'), 'default');
  v_redacted boolean := coalesce(begin_export.redacted, true);
  v_head record;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  if not v_redacted then
    perform ledger.require_tenant(v_tenant_id, 'privacy');
  end if;
  if not v_redacted or begin_export.purpose is not null then
    perform ledger.require_reason('purpose', begin_export.purpose);
  end if;
  if begin_export.format ~ '^[a-z][a-z0-9_.-]{0,31}$' is not true then
    raise exception using
      errcode = 'LG009',
      message = 'format ' || coalesce(quote_literal(left(begin_export.format, 50)), 'NULL')
        || ' is no name',
      hint = 'Such as jsonl, json, csv or parquet: it is kept in the event.';
  end if;
  if not v_redacted then
    raise log 'role % exports events of tenant % with private data: %',
      ledger.caller(), v_tenant_id, begin_export.purpose;
  end if;
  select h.tree_size, encode(h.root, 'hex') as root into v_head
  from ledger.log_heads as h
  where h.tenant_id = v_tenant_id;
  return r.id
  from ledger.emit_event(
    'ledger.export_started',
    jsonb_strip_nulls(jsonb_build_object(
      'format', begin_export.format,
      'filters', jsonb_build_object(
        'aggregate_type', begin_export.aggregate_type,
        'aggregate_id', begin_export.aggregate_id,
        'event_types', to_jsonb(begin_export.event_types),
        'action_prefix', begin_export.action_prefix,
        'actor_type', begin_export.actor_type,
        'actor_id', begin_export.actor_id,
        'outcome', begin_export.outcome,
        'correlation_id', begin_export.correlation_id,
        'run_id', begin_export.run_id,
        'trace_id', begin_export.trace_id,
        'deal_id', begin_export.deal_id,
        'from_time', begin_export.from_time,
        'to_time', begin_export.to_time
      ),
      'with_proof', coalesce(begin_export.with_proof, false),
      'is_redacted', v_redacted,
      'exported_by', ledger.caller(),
      'purpose', begin_export.purpose,
      'tree_size', coalesce(v_head.tree_size, 0),
      'root', v_head.root
    )),
    tenant_id => v_tenant_id,
    correlation_id => gen_random_uuid()
  ) as r;
end
$$;

comment on function ledger.begin_export is
  'Begins an export of the events that match all of these filters (those of find_events()) and '
  'returns its id: an event ledger.export_started says who, what and what for. Commit it, then '
  'read with ledger.export_events() and end with ledger.finish_export(). redacted => false '
  'exports private data too; it needs the privilege privacy and a purpose.';

-- from sql/export/find_export.sql
-- The export that the caller began: its event ledger.export_started. Refuses what is not on record
-- for good, what somebody else began, and what is finished.
create or replace function ledger.find_export(export_id uuid, tenant_id text)
returns ledger.agent_events
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_started ledger.agent_events;
  v_is_finished boolean;
begin
  select e.tenant_id, e.id, e.created_at, e.correlation_id, e.payload, e.xact_id
  into
    v_started.tenant_id, v_started.id, v_started.created_at, v_started.correlation_id,
    v_started.payload, v_started.xact_id
  from ledger.events as e
  where e.tenant_id = find_export.tenant_id
    and e.created_at = ledger.event_time(find_export.export_id)
    and e.id = find_export.export_id
    and e.event_type = 'ledger.export_started'
    and e.payload ->> 'exported_by' = ledger.caller();
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format(
        'role %s has begun no export %s of tenant %s',
        ledger.caller(), find_export.export_id, find_export.tenant_id
      ),
      hint = 'ledger.begin_export() returns the id; who began an export reads and finishes it.';
  end if;
  if v_started.xact_id = pg_current_xact_id_if_assigned() then
    raise exception using
      errcode = '55000',
      message = format('export %s was begun in this transaction', find_export.export_id),
      hint = 'Commit first: that somebody exports is on record before there is something to read.';
  end if;
  select true into v_is_finished
  from ledger.events as e
  where e.tenant_id = v_started.tenant_id
    and e.correlation_id = v_started.correlation_id
    and e.created_at > v_started.created_at
    and e.event_type = 'ledger.export_created'
    and e.causation_id = v_started.id
  limit 1;
  if v_is_finished then
    raise exception using
      errcode = '55000',
      message = format('export %s is finished', find_export.export_id),
      hint = 'Begin another one.';
  end if;
  return v_started;
end
$$;

comment on function ledger.find_export(uuid, text) is
  'Part of export_events() and finish_export(): the event that began the export, LG009 unless the '
  'caller began it, 55000 unless it is committed and not finished.';

-- from sql/export/export_conditions.sql
-- The filters of an export as SQL conditions on an event e; those of find_events() (which says why
-- they are put like this), with their values quoted.
create or replace function ledger.export_conditions(filters jsonb)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select string_agg(
    case f.key
      when 'event_types' then format(
        ' and e.event_type = any(%L::text[])',
        array(select t from jsonb_array_elements_text(f.document) as t)
      )
      when 'action_prefix' then format(
        ' and e.event_type collate "C" >= %1$L and e.event_type collate "C" < %1$L || ''~''',
        f.value
      )
      when 'deal_id' then format(' and e.deal_id = %1$L and e.correlation_id = %1$L', f.value)
      when 'from_time' then format(' and e.created_at >= %L', f.value)
      when 'to_time' then format(' and e.created_at < %L', f.value)
      else format(' and e.%I = %L', f.key, f.value)
    end,
    ''
  )
  from (
    select e.key, e.value as document, e.value #>> '{}' as value
    from jsonb_each(export_conditions.filters) as e
  ) as f
$$;

comment on function ledger.export_conditions(jsonb) is
  'Part of export_events(): the filters of an export as SQL conditions.';

-- from sql/export/redaction.sql
-- What must not leave: which payloads hold a field that any version of their type marks (an older
-- version's events may have it in clear), as SQL over an event e. Only types with marks pay.
create or replace function ledger.redaction(
  redacted boolean,
  out is_marked text,
  out marked_paths text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with marks as (
    select
      m.event_type,
      array_agg(m.pointer order by m.pointer) as pointers,
      string_agg(
        format('e.whole @? %L::jsonpath', ledger.pointer_jsonpath(m.pointer)),
        ' or ' order by m.pointer
      ) as is_marked
    from (
      select s.event_type, p as pointer
      from ledger.event_schemas as s
      cross join unnest(
        s.secret_paths || case when redaction.redacted then s.private_paths end
      ) as p
      group by s.event_type, p
    ) as m
    group by m.event_type
  )

  select
    ledger.choose_by_type(
      array_agg(m.event_type::text order by m.event_type),
      array_agg('(' || m.is_marked || ')' order by m.event_type),
      'false'
    ),
    ledger.choose_by_type(
      array_agg(m.event_type::text order by m.event_type),
      array_agg(format('%L::text[]', m.pointers) order by m.event_type),
      'null::text[]'
    )
  from marks as m
$$;

comment on function ledger.redaction(boolean) is
  'Part of export_events(): SQL that says whether a payload holds marked fields, and which to '
  'mask.';

-- from sql/export/export_columns.sql
-- The columns of an export, in their order, and of what kind each is: how a line is written.
create or replace function ledger.export_columns(with_proof boolean, redacted boolean)
returns table (n bigint, name text, kind text)
language sql
immutable
parallel safe
rows 28
set search_path = pg_catalog, pg_temp
as $$
  select c.n, c.name, c.kind
  from rows from (
    unnest(
      '{
        id, created_at, tenant_id, event_type, schema_version, description, aggregate_type,
        aggregate_id, sequence, actor_type, actor_id, outcome, payload, private, deal_id,
        action_id, run_id, trace_id, correlation_id, causation_id, proof, metadata, occurred_at,
        private_hash, prev_hash, hash, position, inclusion_proof
      }'::text[],
      '{
        plain, time, plain, plain, plain, text, text,
        text, plain, plain, text, plain, payload, json, plain,
        plain, plain, plain, plain, plain, json, json, time,
        hash, hash, hash, plain, hashes
      }'::text[]
    )
  ) with ordinality as c (name, kind, n)
  where (
      export_columns.with_proof
      or c.name <> all('{private_hash,prev_hash,hash,position,inclusion_proof}')
    )
    and (not export_columns.redacted or c.name <> 'private')
$$;

comment on function ledger.export_columns(boolean, boolean) is
  'The columns of an export''s lines: hashes, position and inclusion_proof only with proof, '
  'private only unredacted.';

-- from sql/export/json_line.sql
-- An exported event e as a line of JSON, as SQL: the keys in the order of the columns, and none for
-- what is NULL, which costs least to write and to keep.
create or replace function ledger.json_line(with_proof boolean, redacted boolean)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select
    'concat(' || string_agg(
      format(
        case
          when c.name in ('schema_version', 'sequence', 'position')
            then '%1$L || e.%2$I'
          when c.name in ('created_at', 'description') then '%1$L, to_json(e.%2$I)'
          when c.name in (
            'id', 'tenant_id', 'event_type', 'run_id', 'trace_id', 'correlation_id'
          ) then $x$%1$L || '"', e.%2$I, '"'$x$
          when c.kind = 'plain' then $x$%1$L || '"' || e.%2$I || '"'$x$
          when c.kind = 'payload' then '%1$L, coalesce(e.payload_text, e.payload::text)'
          when c.kind = 'json' then '%1$L || e.%2$I::text'
          when c.kind = 'hash' then $x$%1$L || '"' || encode(e.%2$I, 'hex') || '"'$x$
          when c.kind = 'hashes'
            then $x$%1$L || case when e.%2$I is not null then
              to_json(array(select encode(h, 'hex') from unnest(e.%2$I) as h))::text end$x$
          else '%1$L || to_json(e.%2$I)::text'
        end,
        case c.n when 1 then '{' else ',' end || to_json(c.name) || ':',
        c.name
      ),
      ', ' order by c.n
    ) || $x$, E'}\n')$x$
  from ledger.export_columns(json_line.with_proof, json_line.redacted) as c
$$;

comment on function ledger.json_line(boolean, boolean) is
  'Part of export_lines(): an exported event e as a line of JSON, as SQL.';

-- from sql/export/csv_cell.sql
-- A text that somebody else chose, as a cell of a CSV file: quoted, and with an apostrophe before
-- what a spreadsheet would take for a formula (OWASP, CSV injection). Inlined by the planner.
create or replace function ledger.csv_cell(value text)
returns text
language sql
immutable
parallel safe
return '"' || case
  when value <> '' and strpos(E'=+-@\t\r\n＝＋－＠', left(value, 1)) > 0 then '''' else ''
end || replace(value, '"', '""') || '"';

comment on function ledger.csv_cell(text) is
  'Part of export_lines(): a quoted cell; what begins like a formula gets an apostrophe before it.';

-- from sql/export/csv_line.sql
-- An exported event e as a line of CSV (RFC 4180, but with a line feed), as SQL. NULL is an empty
-- cell, an empty text "".
create or replace function ledger.csv_line(with_proof boolean, redacted boolean)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select
    'concat(' || string_agg(
      format(
        case c.kind
          when 'text' then 'ledger.csv_cell(e.%I)'
          when 'payload' then
            $x$'"' || replace(coalesce(e.payload_text, e.payload::text), '"', '""') || '"'$x$
          when 'json' then $x$'"' || replace(e.%I::text, '"', '""') || '"'$x$
          when 'time' then $x$btrim(to_json(e.%I)::text, '"')$x$
          when 'hash' then $x$encode(e.%I, 'hex')$x$
          when 'hashes' then
            $x$array_to_string(array(select encode(h, 'hex') from unnest(e.%I) as h), ' ')$x$
          else 'e.%I'
        end,
        c.name
      ),
      $x$, ',', $x$ order by c.n
    ) || $x$, E'\n')$x$
  from ledger.export_columns(csv_line.with_proof, csv_line.redacted) as c
$$;

comment on function ledger.csv_line(boolean, boolean) is
  'Part of export_lines(): an exported event e as a line of CSV, as SQL.';

-- from sql/export/export_private.sql
-- The private data of events that an unredacted export gives out: for who began it, with the
-- privilege still.
create or replace function ledger.export_private(
  export_id uuid,
  event_ids uuid[],
  tenant_id text
)
returns table (event_id uuid, private jsonb)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_started ledger.agent_events :=
    ledger.find_export(export_private.export_id, export_private.tenant_id);
begin
  perform ledger.require_tenant(v_started.tenant_id, 'privacy');
  if (v_started.payload -> 'is_redacted')::boolean then
    raise exception using
      errcode = 'LG009', message = format('export %s is redacted', export_private.export_id);
  end if;
  return query
  select p.event_id, p.private
  from unnest(export_private.event_ids) as wanted (id)
  join ledger.event_private as p
    on p.tenant_id = v_started.tenant_id and p.event_id = wanted.id;
end
$$;

comment on function ledger.export_private(uuid, uuid[], text) is
  'Part of export_events(): private data for an unredacted export, which is on record.';

-- from sql/export/export_range.sql
-- The events of an export after one of them, in time order, as find_events() finds them: the end of
-- a statement. Within a stream, sequence is time order.
create or replace function ledger.export_range(export ledger.agent_events, after_id uuid)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_filters jsonb := export.payload -> 'filters';
  v_is_stream boolean := v_filters ?& '{aggregate_type,aggregate_id}';
  v_after_time timestamptz := ledger.event_time(export_range.after_id);
  v_after_sequence bigint;
begin
  if export_range.after_id is not null and v_after_time is null then
    raise exception using
      errcode = 'LG009',
      message = format('after_id %s is no event id', export_range.after_id),
      hint = 'after_id is the id of the last event of the previous page.';
  end if;
  if v_is_stream then
    select e.sequence into v_after_sequence
    from ledger.events as e
    where e.tenant_id = export.tenant_id
      and e.created_at = v_after_time
      and e.id = export_range.after_id
      and e.aggregate_type = v_filters ->> 'aggregate_type'
      and e.aggregate_id = v_filters ->> 'aggregate_id';
  end if;
  return concat(
    format(' from ledger.events as e where e.tenant_id = %L', export.tenant_id),
    ledger.export_conditions(v_filters),
    case
      when export_range.after_id is not null then format(
        ' and e.created_at >= %1$L and (e.created_at, e.id) > (%1$L, %2$L)',
        v_after_time, export_range.after_id
      )
    end,
    ' and e.sequence > ' || v_after_sequence,
    ' order by ', case when v_is_stream then 'e.sequence' else 'e.created_at, e.id' end
  );
end
$$;

comment on function ledger.export_range(ledger.agent_events, uuid) is
  'Part of export_events(): the events of an export after one of them, as the end of a statement.';

-- from sql/export/export_page.sql
-- The innermost part of an export's statement: a page of events; unredacted with private data put
-- back.
create or replace function ledger.export_page(
  export ledger.agent_events,
  after_id uuid,
  page_size int
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_range text := ledger.export_range(export, export_page.after_id);
begin
  perform ledger.require_page_size(export_page.page_size, 100000);
  if (export.payload -> 'is_redacted')::boolean then
    return format(
      'select e.*, e.payload as whole, e.payload::text as payload_text, null::jsonb as private '
      '%s limit %s',
      v_range, export_page.page_size
    );
  end if;
  return format(
    $page$
    with page as materialized (select e.*, row_number() over () as n from (
      select e.* %1$s limit %2$s
    ) as e)
    select e.*, e.whole::text as payload_text
    from (
      select
        e.*,
        nullif(p.private - 'payload', '{}') as private,
        case
          when p.private ? 'payload' then ledger.merge_private(e.payload, p.private -> 'payload')
          else e.payload
        end as whole
      from page as e
      left join ledger.export_private(
        %3$L, (select array_agg(g.id) from page as g where g.private_hash is not null), %4$L
      ) as p on p.event_id = e.id
      order by e.n
      offset 0
    ) as e
    $page$,
    v_range, export_page.page_size, export.id, export.tenant_id
  );
end
$$;

comment on function ledger.export_page(ledger.agent_events, uuid, int) is
  'Part of export_query(): the events of a page, as SQL.';

-- from sql/export/export_query.sql
-- The statement of a page of an export. From the inside out: the page; its payloads as text, once,
-- for secrets are looked for in it and lines made of it; masks; the description, of what is left;
-- the columns. "offset 0" keeps the levels apart, so that nothing is computed twice.
create or replace function ledger.export_query(
  export ledger.agent_events,
  page text,  -- noqa: RF04
  columns text
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_redaction record;
  v_descriptions text;
begin
  select r.is_marked, r.marked_paths into v_redaction
  from ledger.redaction((export.payload -> 'is_redacted')::boolean) as r;
  select ledger.choose_by_type(
    array_agg(t.event_type::text order by t.event_type),
    array_agg(ledger.summary_expression(t.summary) order by t.event_type),
    ledger.summary_expression(null)
  )
  into v_descriptions
  from ledger.event_types as t
  where t.summary is not null;

  return format(
    $query$
    select %1$s
    from (
      select e.*, %2$s as description%3$s
      from (
        select
          e.id, e.created_at, e.tenant_id, e.event_type, e.schema_version, e.aggregate_type,
          e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome, e.deal_id, e.action_id,
          e.run_id, e.trace_id, e.correlation_id, e.causation_id, e.occurred_at, e.private,
          e.private_hash, e.prev_hash, e.hash,
          case
            when e.is_masked then ledger.mask(e.whole, %4$s) else e.whole
          end as payload,
          case when not e.is_masked then e.payload_text end as payload_text,
          case when e.is_masked then ledger.mask(e.proof) else e.proof end as proof,
          case when e.is_masked then ledger.mask(e.metadata) else e.metadata end as metadata
        from (
          select e.*, ledger.may_have_secrets(e.lower_text) or %5$s as is_masked
          from (
            select
              e.*,
              lower(
                case
                  when e.proof is null and e.metadata is null then e.payload_text
                  else concat(e.payload_text, e.proof, e.metadata)
                end collate "C"
              ) as lower_text
            from (%6$s) as e
            offset 0
          ) as e
          offset 0
        ) as e
        offset 0
      ) as e%7$s
      offset 0
    ) as e
    $query$,
    columns,
    v_descriptions,
    case
      when (export.payload -> 'with_proof')::boolean then format(
        ', l.position, case when l.position < %s '
        'then (ledger.inclusion_proof(e.id, %1$s, e.tenant_id)).proof end as inclusion_proof',
        export.payload ->> 'tree_size'
      )
      else ', null::bigint as position, null::bytea[] as inclusion_proof'
    end,
    v_redaction.marked_paths,
    v_redaction.is_marked,
    page,
    case
      when (export.payload -> 'with_proof')::boolean then
        ' left join lateral (select l.position from ledger.log_entries as l '
        'where l.tenant_id = e.tenant_id and l.event_id = e.id limit 1) as l on true'
    end
  );
end
$$;

comment on function ledger.export_query(ledger.agent_events, text, text) is
  'Part of export_events() and export_lines(): the statement of a page.';

-- from sql/export/export_events.sql
-- The next page of an export, in time order: the events that its ledger.export_started says, and
-- nothing else, whatever the caller would like. Row-level security applies on top.
create or replace function ledger.export_events(
  export_id uuid,
  after_id uuid default null,
  page_size int default 20000,
  tenant_id text default null
)
returns setof ledger.exported_event
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set work_mem = '64MB'
set jit = off
as $$
declare
  v_tenant_id text := coalesce(export_events.tenant_id, ledger.setting('tenant_id'), 'default');
  v_export ledger.agent_events;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  v_export := ledger.find_export(export_events.export_id, v_tenant_id);
  return query execute ledger.export_query(
    v_export,
    ledger.export_page(v_export, export_events.after_id, export_events.page_size),
    (
      select string_agg(
        case c.name when 'event_type' then 'e.event_type::text' else 'e.' || c.name end,
        ', ' order by c.n
      )
      from ledger.export_columns(true, false) as c
    )
  );
end
$$;

comment on function ledger.export_events(uuid, uuid, int, text) is
  'The next page (page_size 1 to 100000) of an export that the caller began and committed, oldest '
  'first; next page: after_id => id of the last. Redacted unless it was begun otherwise: without '
  'private data, with "***" for what is marked or secret.';

-- from sql/export/export_lines.sql
-- The next page of an export, each event as a line of its format: what goes into a file as it is.
-- Lines are made here, because that is where it costs least: the payload becomes text once.
create or replace function ledger.export_lines(
  export_id uuid,
  after_id uuid default null,
  page_size int default 20000,
  tenant_id text default null
)
returns setof text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set work_mem = '64MB'
set jit = off
set timezone = 'UTC'
as $$
declare
  v_tenant_id text := coalesce(export_lines.tenant_id, ledger.setting('tenant_id'), 'default');
  v_export ledger.agent_events;
  v_with_proof boolean;
  v_redacted boolean;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  v_export := ledger.find_export(export_lines.export_id, v_tenant_id);
  v_with_proof := (v_export.payload -> 'with_proof')::boolean;
  v_redacted := (v_export.payload -> 'is_redacted')::boolean;
  return query execute ledger.export_query(
    v_export,
    ledger.export_page(v_export, export_lines.after_id, export_lines.page_size),
    case v_export.payload ->> 'format'
      when 'csv' then ledger.csv_line(v_with_proof, v_redacted)
      else ledger.json_line(v_with_proof, v_redacted)
    end
  );
end
$$;

comment on function ledger.export_lines(uuid, uuid, int, text) is
  'The next page of an export as lines with their line feeds, of CSV where that is its format, '
  'else of JSON; beyond that it is export_events(). The columns: ledger.export_columns().';

-- from sql/export/export_page_end.sql
-- Where a page of an export ends, by a look at the index alone, so that several connections can
-- each read a page at the same time.
create or replace function ledger.export_page_end(
  export_id uuid,
  after_id uuid default null,
  page_size int default 20000,
  tenant_id text default null
)
returns uuid
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  v_tenant_id text := coalesce(export_page_end.tenant_id, ledger.setting('tenant_id'), 'default');
  v_end uuid;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  perform ledger.require_page_size(export_page_end.page_size, 100000);
  execute concat(
    'select e.id ',
    ledger.export_range(
      ledger.find_export(export_page_end.export_id, v_tenant_id), export_page_end.after_id
    ),
    ' limit 1 offset ', export_page_end.page_size - 1
  )
  into v_end;
  return v_end;
end
$$;

comment on function ledger.export_page_end(uuid, uuid, int, text) is
  'The id of the last event of a full page of an export, which is the after_id of the next; NULL '
  'for the last page.';

-- from sql/export/finish_export.sql
-- Says how an export ended, in an event ledger.export_created: how many events, and the digest of
-- the file, so that a file can be told to be that export later. Locks nothing.
create or replace function ledger.finish_export(
  export_id uuid,
  event_count bigint,
  file_sha256 bytea default null,
  tenant_id text default null
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(finish_export.tenant_id, ledger.setting('tenant_id'), 'default');
  v_started ledger.agent_events;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  v_started := ledger.find_export(finish_export.export_id, v_tenant_id);
  return r.id
  from ledger.emit_event(
    'ledger.export_created',
    jsonb_strip_nulls(jsonb_build_object(
      'export_id', v_started.id,
      'format', v_started.payload -> 'format',
      'event_count', finish_export.event_count,
      'is_redacted', v_started.payload -> 'is_redacted',
      'filters', v_started.payload -> 'filters',
      'file_sha256', encode(finish_export.file_sha256, 'hex'),
      'exported_by', ledger.caller(),
      'purpose', v_started.payload -> 'purpose'
    )),
    tenant_id => v_tenant_id,
    correlation_id => v_started.correlation_id,
    causation_id => v_started.id
  ) as r;
end
$$;

comment on function ledger.finish_export(uuid, bigint, bytea, text) is
  'Ends an export: an event ledger.export_created says how many events it has and which file. An '
  'export without one was not finished.';

-- from sql/export/record_verification.sql
-- Says that a log was verified, and what was found, in an event ledger.verified. `agent-events
-- verify` calls it when it is through; the verdict is the verifier's, who is named. Locks nothing.
create or replace function ledger.record_verification(
  tree_size bigint,
  root bytea,
  finding_count int,
  findings jsonb default null,
  duration_ms numeric default null,
  tenant_id text default null
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text :=
    coalesce(record_verification.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_any(v_tenant_id, '{audit,operate}');
  return r.id
  from ledger.emit_event(
    'ledger.verified',
    jsonb_strip_nulls(jsonb_build_object(
      'tree_size', record_verification.tree_size,
      'root', encode(record_verification.root, 'hex'),
      'finding_count', record_verification.finding_count,
      'findings', jsonb_path_query_array(record_verification.findings, '$[0 to 19]'),
      'duration_ms', record_verification.duration_ms,
      'verified_by', ledger.caller()
    )),
    tenant_id => v_tenant_id,
    outcome => case record_verification.finding_count when 0 then 'success' else 'failure' end
  ) as r;
end
$$;

comment on function ledger.record_verification(bigint, bytea, int, jsonb, numeric, text) is
  'Records that the log was verified and with which findings (the first 20), in an event '
  'ledger.verified. For auditors and operators.';

-- from sql/export/export_has_event.sql
-- Whether an event was among those that an export gave out: it was there when the export began, and
-- matches its filters. For who may look into the access log, who need not be able to read the event.
create or replace function ledger.export_has_event(
  export_id uuid,
  event_id uuid,
  tenant_id text default null
)
returns boolean
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_tenant_id text := coalesce(export_has_event.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_any(v_tenant_id, '{audit,operate,privacy}');
  return exists (
    select
    from ledger.events as x
    join ledger.events as e
      on e.tenant_id = x.tenant_id
      and e.created_at = ledger.event_time(export_has_event.event_id)
      and e.id = export_has_event.event_id
    where x.tenant_id = v_tenant_id
      and x.created_at = ledger.event_time(export_has_event.export_id)
      and x.id = export_has_event.export_id
      and x.event_type = 'ledger.export_started'
      and e.created_at <= x.created_at
      and (
        select coalesce(bool_and(
          case f.key
            when 'event_types' then f.value ? e.event_type
            when 'action_prefix' then starts_with(e.event_type, f.value #>> '{}')
            when 'from_time' then e.created_at >= (f.value #>> '{}')::timestamptz
            when 'to_time' then e.created_at < (f.value #>> '{}')::timestamptz
            else coalesce(to_jsonb(e) ->> f.key = f.value #>> '{}', false)
          end
        ), true)
        from jsonb_each(x.payload -> 'filters') as f
      )
  );
end
$$;

comment on function ledger.export_has_event(uuid, uuid, text) is
  'Whether an export (the id of its ledger.export_started) gave out an event: it was there, and '
  'matches the filters. For auditors, operators and privacy officers.';

-- from sql/export/access_log.sql
-- Who looked at what, took it out, verified it, held or erased it: the ledger's own events about
-- that, in one shape. The view reads as its owner (ledger.events would read as the caller), so
-- that operators, who may not read events, see these; its condition says who sees which tenants.
create or replace view ledger.access_log
with (security_barrier = true) as
select
  e.created_at as at,
  e.tenant_id,
  coalesce(
    e.payload ->> 'reader', e.payload ->> 'exported_by', e.payload ->> 'verified_by',
    e.payload ->> 'placed_by', e.payload ->> 'released_by', e.payload ->> 'erased_by',
    e.payload ->> 'dropped_by', e.payload ->> 'restored_by'
  ) as actor,
  case e.event_type
    when 'ledger.private_read' then 'private_read'
    when 'ledger.export_started' then 'export_started'
    when 'ledger.export_created' then 'exported'
    when 'ledger.verified' then 'verified'
    when 'ledger.hold_placed' then 'held'
    when 'ledger.hold_released' then 'released'
    when 'ledger.private_erased' then 'erased'
    else substr(e.event_type, 8)
  end as action,
  coalesce(e.payload ->> 'purpose', e.payload ->> 'reason') as purpose,
  coalesce(e.payload -> 'event_count', e.payload -> 'row_count')::bigint as event_count,
  e.payload ->> 'subject_hash' as subject_hash,
  e.payload as details,
  e.id as event_id
from (
  select h.tenant_id, h.id, h.created_at, h.event_type, h.payload from ledger.agent_events as h
  union all
  select a.tenant_id, a.id, a.created_at, a.event_type, a.payload
  from ledger.agent_events_archive as a
) as e
where e.event_type in (
    'ledger.private_read', 'ledger.export_started', 'ledger.export_created', 'ledger.verified',
    'ledger.hold_placed', 'ledger.hold_released', 'ledger.private_erased',
    'ledger.partition_exported', 'ledger.partition_dropped', 'ledger.partition_restored'
  )
  and (
    e.tenant_id = any(
      (select ledger.permitted_tenants('audit'))
      || (select ledger.permitted_tenants('operate'))
      || (select ledger.permitted_tenants('privacy'))
    )
    or '*' = any(
      (select ledger.permitted_tenants('audit'))
      || (select ledger.permitted_tenants('operate'))
      || (select ledger.permitted_tenants('privacy'))
    )
  );

comment on view ledger.access_log is
  'Who did what with the record: private reads, exports, verifications, holds, erasures, cold '
  'files. For auditors, operators and privacy officers: select * from ledger.access_log where '
  'actor = ''support'' order by at desc.';
comment on column ledger.access_log.actor is 'The database role.';
comment on column ledger.access_log.purpose is 'What for, as it was said; the reason of a hold.';
comment on column ledger.access_log.subject_hash is
  'The person: encode(ledger.subject_hash(subject_id, tenant_id), ''hex'').';
comment on column ledger.access_log.details is
  'The event''s payload: the ids of what was read, the filters of an export, the scope of a hold.';
comment on column ledger.access_log.event_id is 'The event that says so.';

-- from sql/archive/refuse_archiving.sql
-- Raises 55000 unless a partition may be archived: it is hot, and ended an hour ago at least.
-- emit_event() takes its time before it waits for the stream's head: without that hour a call that
-- waited over midnight would find its partition gone.
create or replace function ledger.refuse_archiving(partition ledger.partitions)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition ledger.partitions := refuse_archiving.partition;
begin
  if v_partition.tier <> 'hot' then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s is not hot', v_partition.partition_name),
      detail = format('It is in tier %s.', v_partition.tier),
      hint = 'select * from ledger.partition_status;';
  elsif v_partition.to_time > clock_timestamp() - interval '1 hour' then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s still takes events', v_partition.partition_name),
      detail = format('It ends at %s.', v_partition.to_time),
      hint = 'A partition can be archived an hour after its end.';
  end if;
end
$$;

comment on function ledger.refuse_archiving(ledger.partitions) is
  'Part of archiving: raises 55000 unless a partition may be archived.';

-- from sql/archive/refuse_unsealed.sql
-- Raises 55000 when a partition holds so many events without a position, which is more than none:
-- seal() looks for new events in agent_events only, so none may leave it unsealed.
create or replace function ledger.refuse_unsealed(partition_name name, unsealed bigint)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if refuse_unsealed.unsealed > 0 then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format(
        '%s events of %s are not sealed', refuse_unsealed.unsealed, refuse_unsealed.partition_name
      ),
      detail = 'Only what has its position in the log may leave agent_events.',
      hint = 'Seal them (select ledger.seal_all();), then archive again. If they stay: '
        'select * from ledger.verify(...) says what is wrong with them.';
  end if;
end
$$;

comment on function ledger.refuse_unsealed(name, bigint) is
  'Part of archiving: raises 55000 when a partition holds events that are not sealed.';

-- from sql/archive/refuse_late_events.sql
-- Raises 55000 when events came into a partition after prepare_archive() counted them and saw that
-- they are sealed: seal() looks for new events in agent_events only, so none may leave it unsealed.
-- Runs under the locks of a move, so it asks about transactions only that were not over then: two
-- look-ups in the index, each a query of its own, for with an OR between them the planner may read
-- the whole index. Ids that this cluster has not given yet came with a dump.
create or replace function ledger.refuse_late_events(partition_name name, since pg_snapshot)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_late bigint;
begin
  if refuse_late_events.since is null then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s is not prepared for the archive', refuse_late_events.partition_name),
      hint = format('call ledger.archive_partition(%L);', refuse_late_events.partition_name);
  end if;

  execute format(
    'select
      (
        select count(*) from ledger.%1$I as e
        where e.xact_id >= pg_snapshot_xmax($1)
          and e.xact_id < pg_snapshot_xmax(pg_current_snapshot())
      )
      + (
        select count(*) from ledger.%1$I as e
        where e.xact_id = any(array(select pg_snapshot_xip($1)))
      )',
    refuse_late_events.partition_name
  ) into v_late using refuse_late_events.since;
  if v_late > 0 then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format(
        '%s events of %s were committed after the others had been counted',
        v_late, refuse_late_events.partition_name
      ),
      detail = 'Only what has its position in the log may leave agent_events.',
      hint = format('Begin again: call ledger.archive_partition(%L);', refuse_late_events.partition_name);
  end if;
end
$$;

comment on function ledger.refuse_late_events(name, pg_snapshot) is
  'Part of move_partition(): raises 55000 when events came after prepare_archive().';

-- from sql/archive/add_bounds.sql
-- First step of archiving: adds the CHECK that lets ATTACH skip its scan, without looking at the
-- rows. Does nothing where it is there, nor to a partition that is archived already. Locks the
-- partition for a moment; gives up (55P03) when it is read for longer than 100 ms.
create or replace function ledger.add_bounds(partition_name name)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_partition ledger.partitions;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.find_partition(add_bounds.partition_name);
  if v_partition.tier = 'archive' or exists (
    select from pg_constraint as c
    where c.conrelid = to_regclass(format('ledger.%I', v_partition.partition_name))
      and c.conname = 'ledger_bounds'
  ) then
    return;
  end if;
  perform ledger.refuse_archiving(v_partition);
  perform ledger_guard.open_window('partition');
  execute format(
    'alter table ledger.%I add constraint ledger_bounds '
    'check (created_at >= %L and created_at < %L) not valid',
    v_partition.partition_name, v_partition.from_time, v_partition.to_time
  );
end
$$;

comment on function ledger.add_bounds(name) is
  'First step of ledger.archive_partition(): a CHECK of the bounds, not yet validated.';

-- from sql/archive/validate_bounds.sql
-- Second step of archiving: reads the partition once, so that ATTACH does not have to while everybody
-- waits. Blocks neither readers nor writers.
create or replace function ledger.validate_bounds(partition_name name)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
declare
  v_partition ledger.partitions;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.find_partition(validate_bounds.partition_name);
  if v_partition.tier = 'archive' then
    return;
  end if;
  perform ledger.refuse_archiving(v_partition);
  perform ledger_guard.open_window('partition');
  execute format(
    'alter table ledger.%I validate constraint ledger_bounds', v_partition.partition_name
  );
end
$$;

comment on function ledger.validate_bounds(name) is
  'Second step of ledger.archive_partition(): proves the bounds without a lock that blocks.';

-- from sql/archive/prepare_archive.sql
-- Third step of archiving: counts the partition's events and sees that each is sealed, so that the
-- move has to look only at what came since. Does nothing to a partition that is archived already.
-- Reads the partition and its entries of the log; blocks neither readers nor writers.
create or replace function ledger.prepare_archive(partition_name name)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_seen pg_snapshot := ledger.committed_snapshot();
  v_rows bigint;
  v_sealed bigint;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.find_partition(prepare_archive.partition_name);
  if v_partition.tier = 'archive' then
    return;
  end if;
  perform ledger.refuse_archiving(v_partition);

  execute format(
    'select count(*), count(l.event_id)
    from ledger.%I as e
    left join ledger.log_entries as l on l.tenant_id = e.tenant_id and l.event_id = e.id',
    v_partition.partition_name
  ) into v_rows, v_sealed;
  perform ledger.refuse_unsealed(v_partition.partition_name, v_rows - v_sealed);
  update ledger.partitions as p
  set row_count = v_rows, sealed_snapshot = v_seen
  where p.partition_name = v_partition.partition_name;
end
$$;

comment on function ledger.prepare_archive(name) is
  'Third step of ledger.archive_partition(): counts the events; every one is sealed.';

-- from sql/archive/partition_payload.sql
-- What every event about a partition says of it.
create or replace function ledger.partition_payload(partition ledger.partitions, new_tier text)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
return jsonb_build_object(
  'partition_name', (partition).partition_name,
  'parent_name', (partition).parent_name,
  'from_time', to_char((partition).from_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'to_time', to_char((partition).to_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'old_tier', (partition).tier,
  'new_tier', new_tier
);

comment on function ledger.partition_payload(ledger.partitions, text) is
  'Part of the events about partitions: which it is, and where it goes.';

-- from sql/archive/record_move.sql
-- The event that says that a partition moves: partition_archived or partition_restored, in the
-- tenant `ledger`, which holds what happens to the ledger as a whole.
create or replace function ledger.record_move(partition ledger.partitions, new_tier text)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  select from ledger.emit_event(
    case record_move.new_tier
      when 'archive' then 'ledger.partition_archived'
      else 'ledger.partition_restored'
    end,
    ledger.partition_payload(record_move.partition, record_move.new_tier)
    || jsonb_strip_nulls(jsonb_build_object(
      'row_count', (record_move.partition).row_count,
      case record_move.new_tier when 'archive' then 'archived_by' else 'restored_by' end,
      ledger.caller()
    )),
    tenant_id => 'ledger',
    aggregate_type => 'partition',
    aggregate_id => (record_move.partition).partition_name
  )
$$;

comment on function ledger.record_move(ledger.partitions, text) is
  'Part of move_partition(): its event.';

-- from sql/archive/move_partition.sql
-- Last step of archiving, and all of bringing back: moves a partition between agent_events and
-- agent_events_archive in one short transaction, and says so in an event. One attempt: who emits
-- (when it leaves agent_events) or reads the archive (when it leaves that) waits for 100 ms at most
-- until the locks are there, and some milliseconds more until commit; without them it gives up
-- (55P03).
create or replace function ledger.move_partition(partition_name name, new_tier text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_parents name[] := array['agent_events', 'agent_events_archive'];
begin
  perform ledger.require_tenant('*', 'operate');
  perform ledger.require_read_committed('moving a partition');
  lock table ledger.partitions in share row exclusive mode;
  v_partition := ledger.find_partition(move_partition.partition_name);
  if v_partition.tier = move_partition.new_tier then
    return;
  elsif move_partition.new_tier = 'archive' then
    perform ledger.refuse_archiving(v_partition);
  elsif move_partition.new_tier = 'hot' and v_partition.tier = 'archive' then
    v_parents := array['agent_events_archive', 'agent_events'];
  else
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format(
        '%s cannot move from tier %s to %s', v_partition.partition_name, v_partition.tier,
        coalesce(move_partition.new_tier, 'NULL')
      ),
      hint = 'A partition that is in a file comes back with: agent-events cold restore';
  end if;

  perform ledger_guard.open_window('partition');
  perform ledger.record_move(v_partition, move_partition.new_tier);
  perform ledger.lock_partition(v_partition.partition_name, v_parents[1], v_parents[2]);
  if move_partition.new_tier = 'archive' then
    perform ledger.refuse_late_events(v_partition.partition_name, v_partition.sealed_snapshot);
  end if;
  perform ledger.reattach_partition(
    v_partition.partition_name, v_parents[1], v_parents[2], v_partition.from_time,
    v_partition.to_time
  );
  update ledger.partitions as p
  set tier = move_partition.new_tier, moved_at = clock_timestamp(), sealed_snapshot = null
  where p.partition_name = v_partition.partition_name;
  perform ledger.refresh_coverage();
end
$$;

comment on function ledger.move_partition(name, text) is
  'Last step of ledger.archive_partition() and ledger.restore_partition(): one attempt at moving '
  'a partition to the tier archive or hot; 55P03 when it did not get its locks.';

-- from sql/archive/relocate_partition.sql
-- Puts an archived partition where the retention policy wants it: another access method, another
-- tablespace. Copies it; readers of this partition wait meanwhile, emitters do not. Gives up (55P03)
-- when somebody reads it for longer than 100 ms.
create or replace function ledger.relocate_partition(partition_name name)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_policy ledger.retention_policy;
  v_table regclass;
  v_stored regclass;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.find_partition(relocate_partition.partition_name);
  if v_partition.tier <> 'archive' then
    return;
  end if;
  select p.* into strict v_policy from ledger.retention_policy as p;
  v_table := format('ledger.%I', v_partition.partition_name);

  perform ledger_guard.open_window('partition');
  execute format('lock table only %s in access exclusive mode', v_table);
  if ledger.access_method_of(v_table) <> v_policy.archive_access_method then
    execute format(
      'alter table %s set access method %I', v_table, v_policy.archive_access_method
    );
  end if;
  for v_stored in
    select v_table
    where ledger.tablespace_of(v_table) <> v_policy.archive_tablespace
    union all
    select i.indexrelid::regclass
    from pg_index as i
    where i.indrelid = v_table
      and ledger.tablespace_of(i.indexrelid) <> v_policy.archive_tablespace
  loop
    -- ALTER TABLE moves indexes, too.
    execute format('alter table %s set tablespace %I', v_stored, v_policy.archive_tablespace);
  end loop;
end
$$;

comment on function ledger.relocate_partition(name) is
  'Moves an archived partition to the tablespace and access method of the retention policy.';

-- from sql/maintain/maintenance_steps.sql
-- What maintenance did: one row per step of a run of maintain(), archive_partition() and the like.
-- maintain() deletes what is older than a year.
create table ledger.maintenance_steps (
  run_id uuid not null,
  ordinal int not null,
  step text not null,
  object name,
  started_at timestamptz not null,
  finished_at timestamptz not null default clock_timestamp(),
  attempts int not null,
  error jsonb,
  run_by name not null,
  primary key (run_id, ordinal)
);

create index maintenance_steps_finished_at on ledger.maintenance_steps (finished_at);

comment on table ledger.maintenance_steps is
  'What ledger.maintain() and its likes did, step by step, for a year: select * from '
  'ledger.maintenance_steps order by finished_at desc limit 20;';
comment on column ledger.maintenance_steps.attempts is
  'More than 1 when the locks were taken; each attempt waits for 100 ms.';
comment on column ledger.maintenance_steps.error is
  'Why the step failed: sqlstate, message, detail, hint; NULL when it did not.';

-- from sql/maintain/maintenance_plan.sql
-- What maintain() would do now, in order; later rooms add their steps here and in
-- maintenance_step().
create or replace function ledger.maintenance_plan()
returns table (step text, object name)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select p.step, p.object
  from (
    select 1 as rank, 'make partitions' as step, null::name as object, null::timestamptz as at_time,
      null::bigint as ordinal
    union all
    select 2, 'seal', null, null, null
    union all
    select 3, s.step, p.partition_name, p.from_time, s.ordinal
    from ledger.partition_status as p
    cross join unnest(
      array['add bounds', 'validate bounds', 'prepare archive', 'archive']
    ) with ordinality as s (step, ordinal)
    where p.due = 'archive'
    union all
    select 4, 'relocate', p.partition_name, p.from_time, null
    from ledger.partition_status as p
    where p.due = 'relocate'
    union all
    select 5, 'purge outbox', p.partition_name, p.from_time, null
    from ledger.partition_status as p
    where p.due = 'purge' and not exists (select from ledger.relays_behind(p.to_time))
    union all
    select 6, 'purge inbox', null, null, null
    from ledger.retention_policy as r
    where exists (
      select from ledger.inbox as i where i.processed_at < clock_timestamp() - r.inbox_for
    )
  ) as p
  order by p.rank, p.at_time, p.ordinal
$$;

comment on function ledger.maintenance_plan() is
  'The steps that ledger.maintain() would take now: step, object.';

-- from sql/maintain/maintenance_step.sql
-- One step, in the caller's transaction; true when it did a batch of its work and more is left, for
-- another transaction. One at a time: who finds another at work is told so (LG013) and leaves it to
-- the other. The lock goes with the transaction, so that nothing is left behind by a runner that was
-- cancelled or killed.
create or replace function ledger.maintenance_step(step text, object name default null)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_batch constant int := 20000;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('ledger.maintain', 7306)) then
    raise exception using
      errcode = 'LG013',
      message = 'other maintenance is running',
      hint = 'It does what is due; look at ledger.maintenance_steps, or try again later.';
  end if;

  case maintenance_step.step
    when 'make partitions' then perform ledger.ensure_partitions();
    when 'seal' then perform ledger.seal_all();
    when 'add bounds' then perform ledger.add_bounds(maintenance_step.object);
    when 'validate bounds' then perform ledger.validate_bounds(maintenance_step.object);
    when 'prepare archive' then perform ledger.prepare_archive(maintenance_step.object);
    when 'archive' then perform ledger.move_partition(maintenance_step.object, 'archive');
    when 'restore' then perform ledger.move_partition(maintenance_step.object, 'hot');
    when 'relocate' then perform ledger.relocate_partition(maintenance_step.object);
    when 'purge outbox' then perform ledger.purge_outbox(maintenance_step.object);
    when 'purge inbox' then return ledger.purge_inbox(max_rows => c_batch) = c_batch;
  end case;
  return false;
end
$$;

comment on function ledger.maintenance_step(text, name) is
  'Part of maintain(): one step, or a batch of it (true: more is left); LG013 while another session '
  'does one.';

-- from sql/maintain/record_step.sql
-- Keeps what a step did, and forgets what is older than a year.
create or replace function ledger.record_step(
  run_id uuid,
  step text,
  object name,
  started_at timestamptz,
  attempts int,
  error jsonb
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.require_tenant('*', 'operate');
  insert into ledger.maintenance_steps (
    run_id, ordinal, step, object, started_at, attempts, error, run_by
  )
  select
    record_step.run_id, count(*) + 1, record_step.step, record_step.object,
    record_step.started_at, record_step.attempts, record_step.error, ledger.caller()
  from ledger.maintenance_steps as s
  where s.run_id = record_step.run_id;
  delete from ledger.maintenance_steps as s
  where s.finished_at < clock_timestamp() - interval '1 year';
end
$$;

comment on function ledger.record_step(uuid, text, name, timestamptz, int, jsonb) is
  'Part of maintain(): writes a row of ledger.maintenance_steps.';

-- from sql/maintain/run_step.sql
-- Takes one step in a transaction of its own, and another for each attempt while locks are missing;
-- sleeps in between, so that those who waited behind us get through. A step that works in batches is
-- taken until nothing is left, a transaction per batch. What goes wrong comes back as
-- `error` (sqlstate, message, detail, hint) and is recorded; it ends nothing. READ COMMITTED, whatever
-- the session's default: what was committed while we waited for locks must be seen. SECURITY INVOKER
-- and without SET, as a procedure that commits must be: everything is named in full.
create or replace procedure ledger.run_step(
  run_id uuid,
  step text,
  object name,
  max_wait interval,
  inout error jsonb
)
language plpgsql
as $$
declare
  v_started_at timestamptz := pg_catalog.clock_timestamp();
  v_attempts int := 0;
  v_is_over boolean := false;
  v_has_more boolean := false;
  v_sqlstate text;
  v_message text;
  v_detail text;
  v_hint text;
begin
  while not v_is_over loop
    v_attempts := v_attempts + (not v_has_more)::int;
    v_has_more := false;
    error := null;
    commit;
    set transaction isolation level read committed;
    begin
      v_has_more := ledger.maintenance_step(run_step.step, run_step.object);
      v_is_over := not v_has_more;
    exception when others then
      get stacked diagnostics
        v_sqlstate := returned_sqlstate,
        v_message := message_text,
        v_detail := pg_exception_detail,
        v_hint := pg_exception_hint;
      error := pg_catalog.jsonb_build_object(
        'sqlstate', v_sqlstate, 'message', v_message, 'detail', v_detail, 'hint', v_hint
      );
      v_is_over := v_sqlstate not in ('55P03', '40P01')
        or pg_catalog.clock_timestamp() > v_started_at + run_step.max_wait;
    end;
    commit;
    if not (v_is_over or v_has_more) then
      perform pg_catalog.pg_sleep(0.2 + 0.8 * pg_catalog.random());
    end if;
  end loop;

  -- What another runner is doing, that one records.
  if run_step.error ->> 'sqlstate' is distinct from 'LG013' then
    perform ledger.record_step(
      run_step.run_id, run_step.step, run_step.object, v_started_at, v_attempts, run_step.error
    );
    commit;
  end if;
end
$$;

comment on procedure ledger.run_step is
  'Part of maintain(): one step, with its attempts and its record.';

-- from sql/maintain/run_steps.sql
-- Takes several steps that build on each other, each in a transaction of its own; raises what stops
-- one.
create or replace procedure ledger.run_steps(steps text[], object name, max_wait interval)
language plpgsql
as $$
declare
  v_run_id uuid := pg_catalog.gen_random_uuid();
  v_step text;
  v_error jsonb;
begin
  foreach v_step in array run_steps.steps loop
    call ledger.run_step(v_run_id, v_step, run_steps.object, run_steps.max_wait, v_error);
    if v_error is not null then
      raise exception using
        errcode = v_error ->> 'sqlstate',
        message = v_error ->> 'message',
        detail = coalesce(
          nullif(v_error ->> 'detail', ''), pg_catalog.format('Step: %s.', v_step)
        ),
        hint = v_error ->> 'hint';
    end if;
  end loop;
end
$$;

comment on procedure ledger.run_steps is
  'Part of archive_partition() and restore_partition(): steps that build on each other.';

-- from sql/maintain/archive_partition.sql
-- Moves a partition from agent_events to agent_events_archive, where reads find it as before. Its
-- events are sealed and checked first, without a lock; the move itself holds emitters up for 150 ms
-- at most. Each step commits, so call it outside a transaction; it can be called again after
-- whatever stopped it.
create or replace procedure ledger.archive_partition(
  partition_name name,
  max_wait interval default '5 minutes'
)
language plpgsql
as $$
begin
  call ledger.run_steps(
    array['seal', 'add bounds', 'validate bounds', 'prepare archive', 'archive'],
    archive_partition.partition_name,
    archive_partition.max_wait
  );
end
$$;

comment on procedure ledger.archive_partition is
  'Moves a partition of agent_events, an hour after its end or later, to agent_events_archive; '
  'tries for max_wait to get the locks (55P03). Not inside a transaction. For operators of every '
  'tenant.';

-- from sql/maintain/restore_partition.sql
-- Moves an archived partition back to agent_events. Readers of the archive wait for 150 ms at most;
-- emitters do not.
create or replace procedure ledger.restore_partition(
  partition_name name,
  max_wait interval default '5 minutes'
)
language plpgsql
as $$
begin
  call ledger.run_steps(
    array['restore'], restore_partition.partition_name, restore_partition.max_wait
  );
end
$$;

comment on procedure ledger.restore_partition is
  'Moves an archived partition back to agent_events; tries for max_wait to get the locks (55P03). '
  'Not inside a transaction. For operators of every tenant.';

-- from sql/maintain/maintain.sql
-- All that a DBA schedules: makes partitions ahead, seals, archives and purges what the retention
-- policy says is due. Each step commits; one that fails stops only those that build on it, and the call ends
-- with its error when the others are done. One runner at a time: a second one leaves at once.
create or replace procedure ledger.maintain(
  dry_run boolean default false,
  max_wait interval default '5 minutes'
)
language plpgsql
as $$
declare
  v_run_id uuid := pg_catalog.gen_random_uuid();
  v_step record;
  v_error jsonb;
  v_first_error jsonb;
  v_failed text[] := array[]::text[];
  v_failed_objects name[] := array[]::name[];
begin
  for v_step in select p.step, p.object from ledger.maintenance_plan() as p loop
    if maintain.dry_run then
      raise notice '%', pg_catalog.concat_ws(' ', v_step.step, v_step.object);
    elsif v_step.object is null or v_step.object <> all(v_failed_objects) then
      call ledger.run_step(v_run_id, v_step.step, v_step.object, maintain.max_wait, v_error);
      if v_error ->> 'sqlstate' = 'LG013' then
        raise notice 'other maintenance is running, and does what is due';
        return;
      elsif v_error is not null then
        v_first_error := coalesce(v_first_error, v_error);
        v_failed_objects := v_failed_objects || v_step.object;
        v_failed := v_failed || pg_catalog.concat_ws(
          ' ', v_step.step, v_step.object || ':', v_error ->> 'sqlstate', v_error ->> 'message'
        );
      end if;
    end if;
  end loop;

  if v_first_error is not null then
    raise exception using
      errcode = v_first_error ->> 'sqlstate',
      message = pg_catalog.format(
        '%s of the steps of maintenance failed', pg_catalog.cardinality(v_failed)
      ),
      detail = pg_catalog.array_to_string(v_failed, pg_catalog.chr(10)),
      hint = pg_catalog.concat_ws(
        ' ', 'The other steps are done. select * from ledger.maintenance_steps;',
        nullif(v_first_error ->> 'hint', '')
      );
  end if;
end
$$;

comment on procedure ledger.maintain is
  'Everything that has to happen on a schedule, once an hour say: partitions ahead, sealing, '
  'archiving and purging by the retention policy. dry_run => true only says what is due. Not inside a '
  'transaction. For operators of every tenant.';

-- from sql/cold/range_list.sql
-- Positions as JSON lists them: first and last of each run, both included.
create or replace function ledger.range_list(ranges int8multirange)
returns jsonb
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(jsonb_build_array(lower(r), upper(r) - 1) order by lower(r)), '[]')
  from unnest(range_list.ranges) as r
$$;

comment on function ledger.range_list(int8multirange) is
  'Positions as a cold file''s manifest lists them: [[first, last], ...], both included.';

-- from sql/cold/listed_ranges.sql
-- Positions from what range_list() made of them; NULL for a run that ends before it begins.
create or replace function ledger.listed_ranges(ranges jsonb)
returns int8multirange
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when bool_and(r.first_position <= r.last_position)
      then range_agg(case
        when r.first_position <= r.last_position
          then int8range(r.first_position, r.last_position, '[]')
      end)
  end
  from (
    select (r ->> 0)::numeric::bigint as first_position, (r ->> 1)::numeric::bigint as last_position
    from jsonb_array_elements(listed_ranges.ranges) as r
  ) as r
$$;

comment on function ledger.listed_ranges(jsonb) is
  'Positions from a manifest''s list of runs, [[first, last], ...], both included.';

-- from sql/cold/positions_root.sql
-- RFC 6962 tree hash over the leaves at these positions, in their order, as if they were a tree of
-- their own. The leaves come from the log's tiles: slices of tiles are put together to runs of 256,
-- which are perfect subtrees. LG010 when the log does not have them all.
create or replace function ledger.positions_root(tenant_id text, positions int8multirange)
returns bytea
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found record;
  v_wanted bigint;
begin
  with runs as (
    select
      lower(r) as first_position,
      upper(r) as end_position,
      sum(upper(r) - lower(r)) over (order by lower(r)) - (upper(r) - lower(r)) as first_index
    from unnest(positions_root.positions) as r
  ),
  tiles as materialized (
    select t.tile_index, t.hashes
    from ledger.log_tiles as t
    where t.tenant_id = positions_root.tenant_id
      and t.level = 0
      and t.tile_index between lower(positions_root.positions) >> 8
      and upper(positions_root.positions) >> 8
    union all
    select h.tree_size >> 8, g.hashes
    from ledger.log_heads as h
    join ledger.log_edges as g on g.tenant_id = h.tenant_id and g.level = 0
    where h.tenant_id = positions_root.tenant_id
  ),
  slices as (
    select
      (r.first_index + p.first_position - r.first_position)::bigint as first_index,
      substr(
        t.hashes,
        ((p.first_position & 255) * 32 + 1)::int,
        ((p.end_position - p.first_position) * 32)::int
      ) as hashes
    from runs as r
    cross join lateral
      generate_series(r.first_position >> 8, (r.end_position - 1) >> 8) as i (tile_index)
    cross join lateral (
      select
        greatest(r.first_position, i.tile_index << 8) as first_position,
        least(r.end_position, (i.tile_index + 1) << 8) as end_position
    ) as p
    join tiles as t on t.tile_index = i.tile_index
  ),
  chunks as (
    select c.chunk_no, string_agg(
      substr(
        s.hashes,
        (greatest(c.chunk_no << 8, s.first_index) - s.first_index)::int * 32 + 1,
        (
          least((c.chunk_no + 1) << 8, s.first_index + octet_length(s.hashes) / 32)
          - greatest(c.chunk_no << 8, s.first_index)
        )::int * 32
      ),
      '' order by s.first_index
    ) as hashes
    from slices as s
    cross join lateral generate_series(
      s.first_index >> 8, (s.first_index + octet_length(s.hashes) / 32 - 1) >> 8
    ) as c (chunk_no)
    group by c.chunk_no
  )
  select
    sum(octet_length(c.hashes)) / 32 as leaf_count,
    ledger.merkle_root(string_agg(ledger.merkle_root(c.hashes), '' order by c.chunk_no)) as root
  into v_found
  from chunks as c;

  v_wanted := (
    select coalesce(sum(upper(r) - lower(r)), 0) from unnest(positions_root.positions) as r
  );
  if coalesce(v_found.leaf_count, 0) <> v_wanted then
    raise exception using
      errcode = 'LG010',
      message = format(
        'the log of tenant %s has %s of %s leaves',
        positions_root.tenant_id, coalesce(v_found.leaf_count, 0), v_wanted
      ),
      hint = format('select * from ledger.verify(%L); says what is wrong.', positions_root.tenant_id);
  end if;
  return coalesce(v_found.root, sha256(''));
end
$$;

comment on function ledger.positions_root(text, int8multirange) is
  'RFC 6962 tree hash over the events at these positions of a tenant''s log, from its tiles.';

-- from sql/cold/require_partition.sql
-- A partition of agent_events where it should be, locked in the manifest until the transaction ends;
-- LG009 when it is elsewhere. For ledger_append, too, which may not lock it itself.
create or replace function ledger.require_partition(partition_name name, tiers text[])
returns ledger.partitions
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition ledger.partitions := ledger.find_partition(require_partition.partition_name);
begin
  if v_partition.tier <> all(require_partition.tiers) then
    raise exception using
      errcode = 'LG009',
      message = format(
        'partition %s is %s, not %s', require_partition.partition_name, v_partition.tier,
        array_to_string(require_partition.tiers, ' or ')
      ),
      hint = 'A partition goes from hot to archive (ledger.archive_partition), from there to cold '
        '(ledger.drop_cold), and back (ledger.begin_restore).';
  end if;
  return v_partition;
end
$$;

comment on function ledger.require_partition(name, text[]) is
  'Part of the operations on cold partitions: the partition, locked; LG009 unless it is where it '
  'should be.';

-- from sql/cold/partition_digest.sql
-- What a partition holds, per tenant, as a cold file of it must hold it: how many events, their
-- positions in the log, and the tree hash over these, which comes from the log and not from the
-- rows. LG010 when an event has no position. Reads the whole partition and locks nothing.
create or replace function ledger.partition_digest(partition_name name)
returns table (tenant_id text, row_count bigint, ranges int8multirange, root bytea)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_tenant record;
begin
  perform ledger.require_tenant('*', 'operate');
  select p.* into v_partition
  from ledger.partitions as p
  where p.partition_name = partition_digest.partition_name
    and p.parent_name = 'agent_events'
    and p.tier in ('hot', 'archive');
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format(
        'there is no partition %s of agent_events in the database',
        coalesce(partition_digest.partition_name, 'NULL')
      ),
      hint = 'select * from ledger.partition_status; lists them.';
  end if;

  for v_tenant in
    with held as (
      select
        e.tenant_id,
        l.position,
        case when l.position is null then e.id end as unsealed,
        l.position - row_number() over (partition by e.tenant_id order by l.position) as run
      from ledger.events as e
      left join ledger.log_entries as l
        on l.tenant_id = e.tenant_id
        and l.event_id = e.id
        and l.created_at = e.created_at
        and l.created_at >= v_partition.from_time
        and l.created_at < v_partition.to_time
      where e.created_at >= v_partition.from_time and e.created_at < v_partition.to_time
    ),
    runs as (
      select
        h.tenant_id,
        count(*) as row_count,
        min(h.unsealed::text) as unsealed,
        int8range(min(h.position), max(h.position), '[]') as positions
      from held as h
      group by h.tenant_id, h.run
    )
    select
      r.tenant_id,
      sum(r.row_count)::bigint as row_count,
      min(r.unsealed) as unsealed,
      range_agg(r.positions) filter (where r.unsealed is null) as positions
    from runs as r
    group by r.tenant_id
    order by r.tenant_id
  loop
    if v_tenant.unsealed is not null then
      raise exception using
        errcode = 'LG010',
        message = format(
          'event %s of tenant %s in %s has no position in the log',
          v_tenant.unsealed, v_tenant.tenant_id, v_partition.partition_name
        ),
        hint = 'ledger.seal_all() seals what is new; what it leaves was not emitted: '
          'select * from ledger.verify();';
    end if;
    tenant_id := v_tenant.tenant_id;
    row_count := v_tenant.row_count;
    ranges := v_tenant.positions;
    root := ledger.positions_root(v_tenant.tenant_id, v_tenant.positions);
    return next;
  end loop;
end
$$;

comment on function ledger.partition_digest(name) is
  'What a partition holds, per tenant: number of events, their positions in the log, and the RFC '
  '6962 tree hash over them. For operators of every tenant.';

-- from sql/cold/refuse_tenants.sql
-- LG009 unless this is what a cold file of so many rows says of its tenants: per tenant the number
-- of its events, their positions as range_list() writes them, and a root.
create or replace function ledger.refuse_tenants(tenants jsonb, row_count bigint)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_form constant jsonpath := jsonpath
    'strict $.row_count.type() == "number" && $.row_count > 0 && $.root.type() == "string" '
    '&& $.root like_regex "^[0-9a-f]{64}$" && $.ranges.type() == "array" && $.ranges.size() > 0 '
    '&& !(exists($.ranges[*] ? (@.type() != "array" || @.size() != 2))) '
    '&& !(exists($.ranges[*][*] ? (@.type() != "number" || @ < 0 || @ > 1000000000000000)))';
  v_tenant record;
  v_positions int8multirange;
  v_count numeric := 0;
  v_problem text;
begin
  if jsonb_typeof(refuse_tenants.tenants) = 'object' is not true then
    v_problem := 'tenants is no object';
  else
    for v_tenant in select t.key, t.value from jsonb_each(refuse_tenants.tenants) as t loop
      if v_tenant.value @@ c_form is not true then
        v_problem := 'it needs row_count, ranges ([[first, last], ...]) and root (64 hex digits)';
      else
        v_positions := ledger.listed_ranges(v_tenant.value -> 'ranges');
        v_count := v_count + (v_tenant.value ->> 'row_count')::numeric;
        if ledger.range_list(v_positions) is distinct from v_tenant.value -> 'ranges' then
          v_problem := 'its ranges are not in order, or not apart';
        elsif (v_tenant.value ->> 'row_count')::numeric <> (
          select sum(upper(r) - lower(r)) from unnest(v_positions) as r
        ) then
          v_problem := 'its ranges do not hold row_count positions';
        end if;
      end if;
      if v_problem is not null then
        v_problem := format('tenant %s: %s', left(v_tenant.key, 100), v_problem);
        exit;
      end if;
    end loop;
    if v_problem is null and v_count is distinct from refuse_tenants.row_count then
      v_problem := format(
        'the tenants have %s rows together, not %s', v_count, refuse_tenants.row_count
      );
    end if;
  end if;
  if v_problem is not null then
    raise exception using
      errcode = 'LG009',
      message = v_problem,
      hint = 'ledger.partition_digest() tells the same: {"acme": {"row_count": 3, "ranges": '
        '[[0, 1], [5, 5]], "root": "<64 hex digits>"}}.';
  end if;
end
$$;

comment on function ledger.refuse_tenants(jsonb, bigint) is
  'Part of record_cold_file(): LG009 unless tenants has its form and adds up to row_count.';

-- from sql/cold/record_cold_file.sql
-- Remembers that an archived partition was written to a file that was read back, and says so in an
-- event ledger.partition_exported. Whether the file is right, drop_cold() asks. Again for the same
-- file does nothing. Locks the partition's row of the manifest until the transaction ends.
create or replace function ledger.record_cold_file(
  partition_name name,
  file_name text,
  file_sha256 bytea,
  file_bytes bigint,
  row_count bigint,
  tenants jsonb
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_known ledger.cold_files;
begin
  perform ledger.require_tenant('*', 'operate');
  if length(record_cold_file.file_name) between 1 and 1000 is not true
    or octet_length(record_cold_file.file_sha256) = 32 is not true
    or record_cold_file.file_bytes > 0 is not true
  then
    raise exception using
      errcode = 'LG009',
      message = 'a file needs a name of 1 to 1000 characters, a SHA-256 of 32 bytes and a size',
      hint = '`agent-events cold export` writes the file and calls this.';
  end if;
  perform ledger.refuse_tenants(record_cold_file.tenants, record_cold_file.row_count);
  v_partition := ledger.require_partition(record_cold_file.partition_name, '{archive}');

  select f.* into v_known
  from ledger.cold_files as f
  where f.partition_name = record_cold_file.partition_name
    and f.file_sha256 = record_cold_file.file_sha256;
  if found then
    if v_known.tenants <> record_cold_file.tenants then
      raise exception using
        errcode = 'LG009',
        message = format(
          'the file %s is on record with other contents',
          encode(record_cold_file.file_sha256, 'hex')
        ),
        hint = 'A file does not change: select * from ledger.cold_files;';
    end if;
    return;
  end if;
  insert into ledger.cold_files (
    partition_name, file_sha256, file_name, file_bytes, row_count, tenants, exported_by, exported_at
  )
  values (
    record_cold_file.partition_name, record_cold_file.file_sha256, record_cold_file.file_name,
    record_cold_file.file_bytes, record_cold_file.row_count, record_cold_file.tenants,
    ledger.caller(), clock_timestamp()
  );
  perform from ledger.emit_event(
    'ledger.partition_exported',
    ledger.partition_payload(v_partition, v_partition.tier) || jsonb_build_object(
      'row_count', record_cold_file.row_count,
      'file_name', record_cold_file.file_name,
      'file_sha256', encode(record_cold_file.file_sha256, 'hex'),
      'file_bytes', record_cold_file.file_bytes,
      'file_format', 'parquet',
      'exported_by', ledger.caller()
    ),
    tenant_id => 'ledger',
    aggregate_type => 'partition',
    aggregate_id => record_cold_file.partition_name::text
  );
end
$$;

comment on function ledger.record_cold_file(name, text, bytea, bigint, bigint, jsonb) is
  'Records that an archived partition was exported to a file (`agent-events cold export` calls '
  'it); the same file again does nothing. For operators of every tenant.';

-- from sql/cold/refuse_digest.sql
-- LG010 unless the partition holds exactly what these tenants say, naming the first tenant and what
-- differs. Reads the whole partition.
create or replace function ledger.refuse_digest(partition_name name, tenants jsonb)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_difference record;
begin
  select
    coalesce(d.tenant_id, t.key) as tenant_id,
    case
      when d.tenant_id is null then 'the partition has no events of it'
      when t.key is null then format('the file has none of its %s events', d.row_count)
      when t.value -> 'row_count' is distinct from to_jsonb(d.row_count)
        then format('row_count is %s, the partition has %s', t.value -> 'row_count', d.row_count)
      when t.value -> 'ranges' is distinct from ledger.range_list(d.ranges)
        then format(
          'ranges are %s, those of the partition %s',
          left((t.value -> 'ranges')::text, 200), left(ledger.range_list(d.ranges)::text, 200)
        )
      when t.value ->> 'root' is distinct from encode(d.root, 'hex')
        then format('root is %s, that of the log %s', t.value ->> 'root', encode(d.root, 'hex'))
    end as reason
  into v_difference
  from ledger.partition_digest(refuse_digest.partition_name) as d
  full join jsonb_each(refuse_digest.tenants) as t on t.key = d.tenant_id
  where (
      to_jsonb(d.row_count), ledger.range_list(d.ranges), to_jsonb(encode(d.root, 'hex'))
    ) is distinct from (t.value -> 'row_count', t.value -> 'ranges', t.value -> 'root')
  order by 1
  limit 1;
  if found then
    raise exception using
      errcode = 'LG010',
      message = format(
        'the file is not what partition %s holds: tenant %s: %s',
        refuse_digest.partition_name, v_difference.tenant_id, v_difference.reason
      ),
      hint = 'Nothing was dropped. `agent-events cold verify` tells what is wrong with the file, '
        'ledger.verify() what is wrong with the log.';
  end if;
end
$$;

comment on function ledger.refuse_digest(name, jsonb) is
  'Part of drop_cold(): LG010 unless a partition holds what its file holds.';

-- from sql/cold/require_checkpoint.sql
-- LG010 unless one of the notes is a checkpoint of this tenant's log as it is, beyond a position.
-- Who signed it, the client has checked. The ledger's name counts where the setting ledger.name
-- gives one.
create or replace function ledger.require_checkpoint(
  tenant_id text,
  last_position bigint,
  checkpoints text[]
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lines text[];
  v_note text;
  v_seen text := 'There is none.';
begin
  foreach v_note in array coalesce(require_checkpoint.checkpoints, '{}') loop
    v_lines := string_to_array(v_note, E'\n');
    continue when v_lines[1] ~ '^[^\s+]+/[^/]+$' is not true
      or split_part(v_lines[1], '/', -1) <> require_checkpoint.tenant_id;
    if v_lines[1] <> ledger.setting('name') || '/' || require_checkpoint.tenant_id then
      v_seen := format('There is one of %s.', v_lines[1]);
    elsif v_lines[2] ~ '^(0|[1-9][0-9]{0,17})$' is not true then
      v_seen := format('There is one without a tree size: %L.', left(v_lines[2], 100));
    elsif v_lines[2]::bigint <= require_checkpoint.last_position then
      v_seen := format('There is one of the first %s events.', v_lines[2]);
    elsif v_lines[2]::bigint > ledger.require_tree_size(require_checkpoint.tenant_id, null)
      or v_lines[3] is distinct from encode(
        ledger.log_range_root(require_checkpoint.tenant_id, 0, v_lines[2]::bigint), 'base64'
      )
    then
      v_seen := format('There is one of %s events, of another log than this.', v_lines[2]);
    else
      return;
    end if;
  end loop;
  raise exception using
    errcode = 'LG010',
    message = format(
      'no signed checkpoint covers the events of tenant %s up to position %s',
      require_checkpoint.tenant_id, require_checkpoint.last_position
    ),
    detail = v_seen,
    hint = '`agent-events checkpoint` signs the log as it stands. A checkpoint of another log '
      'means that the log was rewritten.';
end
$$;

comment on function ledger.require_checkpoint(text, bigint, text[]) is
  'Part of drop_cold(): LG010 unless a checkpoint of the tenant''s log covers a position.';

-- from sql/cold/permit_drop.sql
-- Decides whether a partition may be dropped, and records that it is: what the file holds is what
-- the partition holds, a checkpoint covers it, no hold forbids it. The partition is read before
-- anything is locked. Locks the holds of its tenants, in the order of their ids, until the
-- transaction ends. Runs as ledger_append: nobody else can write the row that the guards go by.
create or replace function ledger.permit_drop(
  partition_name name,
  file_sha256 bytea,
  tenants jsonb,
  checkpoints text[]
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_file ledger.cold_files;
  v_tenant record;
  v_event_id uuid;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.require_partition(permit_drop.partition_name, '{archive}');
  select f.* into v_file
  from ledger.cold_files as f
  where f.partition_name = permit_drop.partition_name and f.file_sha256 = permit_drop.file_sha256;
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format(
        'no file %s of partition %s is on record',
        coalesce(encode(permit_drop.file_sha256, 'hex'), 'NULL'), permit_drop.partition_name
      ),
      hint = '`agent-events cold export` writes one, and records it.';
  end if;
  perform ledger.refuse_tenants(permit_drop.tenants, v_file.row_count);
  perform ledger.refuse_digest(permit_drop.partition_name, permit_drop.tenants);

  for v_tenant in
    select t.key as tenant_id, upper(ledger.listed_ranges(t.value -> 'ranges')) - 1 as last_position
    from jsonb_each(permit_drop.tenants) as t
    order by t.key collate "C"
  loop
    perform ledger.require_checkpoint(
      v_tenant.tenant_id, v_tenant.last_position, permit_drop.checkpoints
    );
    perform ledger.require_no_hold(
      null, v_partition.from_time, v_partition.to_time, v_tenant.tenant_id
    );
  end loop;

  select r.id into v_event_id
  from ledger.emit_event(
    'ledger.partition_dropped',
    ledger.partition_payload(v_partition, 'cold') || jsonb_build_object(
      'row_count', v_file.row_count,
      'file_name', v_file.file_name,
      'file_sha256', encode(v_file.file_sha256, 'hex'),
      'file_format', 'parquet',
      'dropped_by', ledger.caller()
    ),
    tenant_id => 'ledger',
    aggregate_type => 'partition',
    aggregate_id => v_partition.partition_name::text
  ) as r;
  insert into ledger.cold_ranges (
    tenant_id, partition_name, file_sha256, row_count, positions, root
  )
  select
    t.key, v_partition.partition_name, v_file.file_sha256, (t.value ->> 'row_count')::bigint,
    ledger.listed_ranges(t.value -> 'ranges'), decode(t.value ->> 'root', 'hex')
  from jsonb_each(permit_drop.tenants) as t
  on conflict do nothing;
  insert into ledger.cold_drops (
    partition_name, dropped_at, file_sha256, row_count, dropped_by, event_id, table_id
  )
  values (
    v_partition.partition_name, clock_timestamp(), v_file.file_sha256, v_file.row_count,
    ledger.caller(), v_event_id, to_regclass(format('ledger.%I', v_partition.partition_name))
  );
end
$$;

comment on function ledger.permit_drop(name, bytea, jsonb, text[]) is
  'Part of drop_cold(): refuses, or records that the partition is dropped.';

-- from sql/cold/drop_cold.sql
-- Drops an archived partition whose events are in a file: `agent-events cold drop` has just read
-- that file again and gives what it found. permit_drop() decides. Takes ACCESS EXCLUSIVE on the
-- partition and on agent_events_archive until the transaction ends; waits for them no longer than
-- 100 ms at a time, because whoever came after would wait too, and tries again for max_wait (55P03).
create or replace function ledger.drop_cold(
  partition_name name,
  file_sha256 bytea,
  tenants jsonb,
  checkpoints text[],
  max_wait interval default '0'
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $$
declare
  v_deadline timestamptz;
begin
  perform ledger.permit_drop(
    drop_cold.partition_name, drop_cold.file_sha256, drop_cold.tenants, drop_cold.checkpoints
  );
  v_deadline := clock_timestamp() + drop_cold.max_wait;
  loop
    begin
      perform ledger.lock_partition(
        drop_cold.partition_name, 'agent_events_archive', 'agent_events_archive'
      );
      exit;
    exception when lock_not_available then
      if clock_timestamp() >= v_deadline then
        raise;
      end if;
    end;
    perform pg_sleep(0.2 + 0.8 * random());
  end loop;

  perform ledger_guard.open_window('partition');
  execute format('drop table ledger.%I', drop_cold.partition_name);
  update ledger.partitions as p
  set tier = 'cold', moved_at = clock_timestamp()
  where p.partition_name = drop_cold.partition_name;
end
$$;

comment on function ledger.drop_cold(name, bytea, jsonb, text[], interval) is
  'Drops an archived partition whose events are in the cold file with this SHA-256. tenants: what '
  'was just recomputed from that file; checkpoints: signed checkpoints that cover its events. '
  'LG010 when anything differs, LG008 under a hold, 55P03 when a lock is not to be had within max_wait. '
  'For operators of every tenant.';

-- from sql/cold/begin_restore.sql
-- Makes the table that a cold partition is copied back into: of its own, nobody reads it, operators
-- may insert. Its CHECK is the one that archiving makes, so that attaching need not look at the rows.
-- One that a crash left behind is emptied. Commit, COPY, then finish_restore(). The
-- events get the transaction id 0, which is before every seal: what they were written by is not in
-- the file.
create or replace function ledger.begin_restore(partition_name name)
returns regclass
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_partition ledger.partitions;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.require_partition(begin_restore.partition_name, '{cold,dropped}');
  if to_regclass(format('ledger.%I', v_partition.partition_name)) is null then
    perform ledger_guard.open_window('partition');
    execute format(
      'create table ledger.%I (
        like ledger.agent_events_archive including defaults including storage including compression,
        constraint ledger_bounds check (created_at >= %L and created_at < %L)
      )',
      v_partition.partition_name, v_partition.from_time, v_partition.to_time
    );
    execute format(
      'alter table ledger.%I alter xact_id set default ''0''', v_partition.partition_name
    );
  else
    execute format('truncate ledger.%I', v_partition.partition_name);
  end if;
  execute format('grant insert on ledger.%I to ledger_operator', v_partition.partition_name);
  return to_regclass(format('ledger.%I', v_partition.partition_name));
end
$$;

comment on function ledger.begin_restore(name) is
  'Makes the empty table that the events of a cold partition are copied into, all columns but '
  'xact_id; ledger.finish_restore() takes it in. For operators of every tenant.';

-- from sql/cold/attach_restored.sql
-- Attaches the table of begin_restore() to the archive, with its bounds. What PostgreSQL refuses
-- then, such as an event twice or of another time, is told as what it is: a wrong file.
create or replace function ledger.attach_restored(partition ledger.partitions)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_detail text;
begin
  execute format(
    'alter table ledger.agent_events_archive attach partition ledger.%I for values from (%L) to (%L)',
    (partition).partition_name, (partition).from_time, (partition).to_time
  );
exception when unique_violation or check_violation or not_null_violation then
  get stacked diagnostics v_detail = pg_exception_detail;
  if sqlstate = '23514' then
    execute format(
      'select format(''The first is event %%s of tenant %%s, of %%s.'', e.id, e.tenant_id, e.created_at)
      from ledger.%I as e
      where e.created_at not between %L and %L
      order by e.created_at, e.id
      limit 1',
      (partition).partition_name, (partition).from_time,
      (partition).to_time - interval '1 microsecond'
    ) into v_detail;
  end if;
  raise exception using
    errcode = 'LG010',
    message = format(
      'partition %s is not what was dropped: %s', (partition).partition_name, sqlerrm
    ),
    detail = v_detail,
    hint = 'Nothing was restored. `agent-events cold verify` tells what is wrong with the file.';
end
$$;

comment on function ledger.attach_restored(ledger.partitions) is
  'Part of finish_restore(): attaches the partition; LG010 when its rows cannot be.';

-- from sql/cold/log_leaves.sql
-- The leaves of a tenant's tree around these positions: those of whole tiles, and of the edge.
-- Inlined by the planner.
create or replace function ledger.log_leaves(
  tenant_id text,
  from_position bigint,
  to_position bigint
)
returns table ("position" bigint, leaf bytea)
language sql
stable
begin atomic
  select t.tile_index * 256 + i as "position", substr(t.tile, i * 32 + 1, 32) as leaf
  from (
    -- || detoasts a tile once, not for each of its leaves.
    select t.tile_index, t.hashes || ''::bytea as tile
    from ledger.log_tiles as t
    where t.tenant_id = log_leaves.tenant_id
      and t.level = 0
      and t.tile_index between log_leaves.from_position / 256 and log_leaves.to_position / 256
    union all
    select h.tree_size / 256, g.hashes || ''::bytea
    from ledger.log_heads as h
    join ledger.log_edges as g on g.tenant_id = h.tenant_id and g.level = 0
    where h.tenant_id = log_leaves.tenant_id
    offset 0  -- noqa: PRS
  ) as t
  cross join generate_series(0, octet_length(t.tile) / 32 - 1) as i;
end;

comment on function ledger.log_leaves(text, bigint, bigint) is
  'Part of finish_restore(): position and leaf of the tiles over a range of positions, and of the edge.';

-- from sql/cold/refuse_restored.sql
-- The events of one tenant in a partition that was attached again: each is what was sealed at its
-- position, and none is missing or too many. Returns their number; LG010 names the first that is
-- wrong. Reads them all, once, whatever statistics say.
create or replace function ledger.refuse_restored(
  range ledger.cold_ranges,
  from_time timestamptz,
  to_time timestamptz
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_first bigint := lower((range).positions);
  v_last bigint := upper((range).positions) - 1;
  v_count bigint;
  v_problem text;
begin
  with sealed as materialized (
    select l.position, l.event_id, l.created_at
    from ledger.log_entries as l
    where l.tenant_id = (range).tenant_id and l.position between v_first and v_last
  ),
  looked_at as (
    select
      e.id,
      case
        when l.position is null or not (range).positions @> l.position
          then 'was not in this partition when it was dropped'
        when e.hash is distinct from ledger.event_hash(ledger.event_entry(
          e.tenant_id, e.id, e.created_at, e.run_id, e.trace_id, e.correlation_id, e.causation_id,
          e.event_type, e.schema_version, e.payload::text, e.deal_id, e.action_id,
          e.aggregate_type, e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome,
          e.proof, e.metadata, e.occurred_at, e.private_hash
        ), e.prev_hash)
          then 'was changed: hash is not the hash of its fields'
        when e.hash is distinct from v.leaf or e.created_at is distinct from l.created_at
          then format('is not what was sealed at position %s', l.position)
        when e.xact_id is distinct from '0' then 'has a transaction id: leave xact_id out'
      end as problem
    from ledger.agent_events_archive as e
    left join sealed as l on l.event_id = e.id
    left join ledger.log_leaves((range).tenant_id, v_first, v_last) as v
      on v.position = l.position
    where e.tenant_id = (range).tenant_id
      and e.created_at >= refuse_restored.from_time
      and e.created_at < refuse_restored.to_time
  )
  select count(*), min(format('event %s %s', a.id, a.problem)) filter (where a.problem is not null)
  into v_count, v_problem
  from looked_at as a;

  if v_problem is null and v_count <> (range).row_count then
    select format('event %s of position %s is missing', l.event_id, l.position) into v_problem
    from ledger.log_entries as l
    where l.tenant_id = (range).tenant_id
      and l.position between v_first and v_last
      and (range).positions @> l.position
      and not exists (
        select
        from ledger.agent_events_archive as e
        where e.tenant_id = l.tenant_id and e.created_at = l.created_at and e.id = l.event_id
      )
    order by l.position
    limit 1;
  end if;
  if v_problem is not null then
    raise exception using
      errcode = 'LG010',
      message = format(
        'partition %s is not what was dropped: tenant %s: %s',
        (range).partition_name, (range).tenant_id, v_problem
      ),
      hint = 'Nothing was restored. `agent-events cold verify` tells what is wrong with the file.';
  end if;
  return v_count;
end
$$;

comment on function ledger.refuse_restored(ledger.cold_ranges, timestamptz, timestamptz) is
  'Part of finish_restore(): LG010 unless the events of a tenant are those that were dropped.';

-- from sql/cold/require_restored.sql
-- Whether a partition that was attached to the archive again holds exactly the events that went
-- with it when it was dropped: LG010 when not, else their number. Runs as ledger_append, so that
-- nobody who may attach tables can replace it.
create or replace function ledger.require_restored(partition_name name)
returns bigint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition ledger.partitions;
  v_file_sha256 bytea;
  v_range ledger.cold_ranges;
  v_count bigint := 0;
  v_foreign record;
begin
  select p.* into strict v_partition
  from ledger.partitions as p
  where p.partition_name = require_restored.partition_name;
  select d.file_sha256 into v_file_sha256
  from ledger.cold_drops as d
  where d.partition_name = require_restored.partition_name
  order by d.dropped_at desc
  limit 1;

  select e.tenant_id, e.id into v_foreign
  from ledger.agent_events_archive as e
  where e.created_at >= v_partition.from_time
    and e.created_at < v_partition.to_time
    and not exists (
      select from ledger.cold_ranges as r
      where r.tenant_id = e.tenant_id
        and r.partition_name = v_partition.partition_name
        and r.file_sha256 = v_file_sha256
    )
  limit 1;
  if found then
    raise exception using
      errcode = 'LG010',
      message = format(
        'partition %s is not what was dropped: event %s: there were no events of tenant %s',
        v_partition.partition_name, v_foreign.id, v_foreign.tenant_id
      ),
      hint = 'Nothing was restored. `agent-events cold verify` tells what is wrong with the file.';
  end if;

  for v_range in
    select r.*
    from ledger.cold_ranges as r
    where r.partition_name = v_partition.partition_name and r.file_sha256 = v_file_sha256
    order by r.tenant_id
  loop
    v_count := v_count
      + ledger.refuse_restored(v_range, v_partition.from_time, v_partition.to_time);
  end loop;
  return v_count;
end
$$;

comment on function ledger.require_restored(name) is
  'Part of finish_restore(): LG010 unless a restored partition holds exactly what was dropped.';

-- from sql/cold/finish_restore.sql
-- Takes the table of begin_restore() into the archive: guards it, attaches it, and then, when
-- nobody can change it any more, has every event held against the log (LG010: nothing is restored).
-- Waits for whoever still copies into it. Locks the table, and agent_events_archive against other
-- attaching and detaching, until the transaction ends; reading and emitting go on.
create or replace function ledger.finish_restore(partition_name name)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_partition ledger.partitions;
  v_table regclass;
  v_count bigint;
  v_drop ledger.cold_drops;
begin
  perform ledger.require_tenant('*', 'operate');
  v_partition := ledger.require_partition(finish_restore.partition_name, '{cold,dropped}');
  v_table := to_regclass(format('ledger.%I', v_partition.partition_name));
  if v_table is null then
    raise exception using
      errcode = 'LG009',
      message = format('nothing was copied for partition %s', v_partition.partition_name),
      hint = 'ledger.begin_restore() makes the table that its events are copied into.';
  end if;

  perform ledger_guard.open_window('partition');
  execute format('lock table %s in access exclusive mode', v_table);
  execute format('revoke all on %s from ledger_operator', v_table);
  perform ledger.protect_table(v_table);
  perform ledger.attach_restored(v_partition);
  v_count := ledger_guard.admit_restored(v_table);
  execute format('alter table %s alter xact_id set default pg_current_xact_id()', v_table);
  update ledger.partitions as p
  set tier = 'archive', moved_at = clock_timestamp()
  where p.partition_name = v_partition.partition_name;

  select d.* into strict v_drop
  from ledger.cold_drops as d
  where d.partition_name = v_partition.partition_name
  order by d.dropped_at desc
  limit 1;
  perform from ledger.emit_event(
    'ledger.partition_restored',
    ledger.partition_payload(v_partition, 'archive') || jsonb_build_object(
      'row_count', v_count,
      'file_name', (
        select f.file_name from ledger.cold_files as f
        where f.partition_name = v_drop.partition_name and f.file_sha256 = v_drop.file_sha256
      ),
      'file_sha256', encode(v_drop.file_sha256, 'hex'),
      'file_format', 'parquet',
      'restored_by', ledger.caller()
    ),
    tenant_id => 'ledger',
    aggregate_type => 'partition',
    aggregate_id => v_partition.partition_name::text
  );
  return v_count;
end
$$;

comment on function ledger.finish_restore(name) is
  'Verifies the events that were copied into the table of ledger.begin_restore() against the log '
  'and attaches it to the archive; returns how many there are. LG010 names the first event that '
  'is wrong; then nothing is restored. For operators of every tenant.';

-- from sql/cold/expire_cold.sql
-- Gives a cold partition up: its files may be deleted, and `agent-events cold expire` does that next.
-- Its log stays: what was proven can be proven from a copy. Refused before its time (retention_policy,
-- from the partition's end), and under any hold of a tenant in it whose time overlaps: what else a
-- hold is limited to, only the file knows. Locks the holds of these tenants, in the order of their
-- ids, until the transaction ends.
create or replace function ledger.expire_cold(partition_name name, reason text)
returns text[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_cold_for interval;
  v_tenant_id text;
  v_hold ledger.legal_holds;
  v_file ledger.cold_files;
begin
  perform ledger.require_tenant('*', 'operate');
  perform ledger.require_reason('reason', expire_cold.reason);
  v_partition := ledger.require_partition(expire_cold.partition_name, '{cold}');
  v_cold_for := (select r.cold_for from ledger.retention_policy as r);
  if v_partition.to_time + v_cold_for <= clock_timestamp() is not true then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('partition %s is to be kept', v_partition.partition_name),
      detail = case
        when v_cold_for is null then 'For ever: the retention policy has no cold_for.'
        else format(
          'Until %s: it ended at %s, and cold_for is %s.',
          v_partition.to_time + v_cold_for, v_partition.to_time, v_cold_for
        )
      end,
      hint = 'select * from ledger.retention_policy; ledger.set_retention() changes it.';
  end if;

  for v_tenant_id in
    select distinct r.tenant_id
    from ledger.cold_ranges as r
    where r.partition_name = v_partition.partition_name
    order by r.tenant_id
  loop
    perform ledger.lock_holds(v_tenant_id);
    select h.* into v_hold
    from ledger.active_holds as a
    join ledger.legal_holds as h on h.tenant_id = a.tenant_id and h.id = a.id
    where a.tenant_id = v_tenant_id
      and coalesce(h.from_time < v_partition.to_time, true)
      and coalesce(h.to_time > v_partition.from_time, true)
    order by h.placed_at, h.id
    limit 1;
    if found then
      perform ledger.refuse_held(v_hold);
    end if;
  end loop;

  select f.* into strict v_file
  from ledger.cold_files as f
  join ledger.cold_drops as d
    on d.partition_name = f.partition_name and d.file_sha256 = f.file_sha256
  where f.partition_name = v_partition.partition_name
  order by d.dropped_at desc
  limit 1;
  perform from ledger.emit_event(
    'ledger.partition_dropped',
    ledger.partition_payload(v_partition, 'dropped') || jsonb_build_object(
      'row_count', v_file.row_count,
      'file_name', v_file.file_name,
      'file_sha256', encode(v_file.file_sha256, 'hex'),
      'file_format', 'parquet',
      'dropped_by', ledger.caller(),
      'reason', expire_cold.reason
    ),
    tenant_id => 'ledger',
    aggregate_type => 'partition',
    aggregate_id => v_partition.partition_name::text
  );
  update ledger.partitions as p
  set tier = 'dropped', moved_at = clock_timestamp()
  where p.partition_name = v_partition.partition_name;
  return array(
    select distinct f.file_name
    from ledger.cold_files as f
    where f.partition_name = v_partition.partition_name
    order by f.file_name
  );
end
$$;

comment on function ledger.expire_cold(name, text) is
  'Gives a cold partition up whose time is over (retention_policy.cold_for): returns the names of '
  'the files that may be deleted. 55000 before its time, LG008 under a hold. For operators of every '
  'tenant.';

-- from sql/guard/maintenance_windows.sql
-- Every transaction that was allowed to change the ledger's objects, and what it started from. Only
-- written by open_window(). The pair identifies the transaction even in a restored copy, whose
-- transaction ids begin anew.
create table ledger_guard.maintenance_windows (
  xact_id xid8 not null default pg_current_xact_id(),
  opened_at timestamptz not null default transaction_timestamp(),
  purpose text not null,
  opened_by name not null,
  by_superuser boolean not null,
  broken_guards text[] not null,
  protected oid[] not null,
  admitted oid[] not null default '{}',
  primary key (xact_id, opened_at)
);

comment on table ledger_guard.maintenance_windows is
  'Transactions in which objects of the ledger were allowed to change: who, when, why.';
comment on column ledger_guard.maintenance_windows.broken_guards is
  'Guards that were already broken when the window opened; it may not leave others behind.';
comment on column ledger_guard.maintenance_windows.protected is
  'Protected tables and attached partitions that the window has seen; each must be in its place '
  'at commit.';
comment on column ledger_guard.maintenance_windows.admitted is
  'Partitions that the window attached; they may wait for their guards until commit.';

-- from sql/guard/maintenance_commands.sql
-- What was changed in a maintenance window, command by command. Recorded where event triggers
-- exist.
create table ledger_guard.maintenance_commands (
  xact_id xid8 not null,
  opened_at timestamptz not null,
  ordinal int not null,
  executed_at timestamptz not null default clock_timestamp(),
  command_tag text not null,
  object text not null,
  relation oid,
  primary key (xact_id, opened_at, ordinal)
);

comment on table ledger_guard.maintenance_commands is
  'DDL commands on objects of the ledger, per maintenance window.';
comment on column ledger_guard.maintenance_commands.relation is
  'The table it was about; the check at commit looks at it again.';

-- from sql/guard/protected_tables.sql
-- Every table that must carry guards: the listed ones and whatever hangs below the three
-- partitioned ones.
create or replace view ledger_guard.protected_tables as
select c.oid::regclass as target, null::regclass as parent
from unnest(array[
  'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'event_schemas', 'event_private',
  'partitions', 'event_types', 'streams', 'idempotency_keys', 'log_entries', 'log_tiles',
  'log_blocks', 'log_heads', 'log_edges', 'log_sweep', 'legal_holds', 'erasures', 'cold_files',
  'cold_drops', 'cold_ranges', 'outbox_purges', 'inbox',
  'inbox_failures'
]) as listed (table_name)
join pg_catalog.pg_class as c
  on c.relname = listed.table_name and c.relnamespace = pg_catalog.to_regnamespace('ledger')
union all
select i.inhrelid::regclass, i.inhparent::regclass
from pg_catalog.pg_inherits as i
join pg_catalog.pg_class as c on c.oid = i.inhparent
where c.relnamespace = pg_catalog.to_regnamespace('ledger')
  and c.relname in ('agent_events', 'agent_events_archive', 'outbox');

comment on view ledger_guard.protected_tables is
  'Tables and partitions that must carry guard triggers.';

-- from sql/guard/guards_of.sql
-- The guards that a table must carry; the one place that says so. protect_table() creates them,
-- broken_triggers() compares them. A table that is not named here is taken for a partition.
--   Row guards also hold when the table hangs below a foreign parent, whose statements do not fire
--   the table's own statement triggers. Statement guards also hold for TRUNCATE and for statements
--   that hit no row.
--   Inserts reach a partition through its parent and do not fire the partition's statement guard:
--   it refuses every direct one.
--   The conditions compare with a text: PostgreSQL reads them from their stored form in every
--   statement, which writes a constant of type name as 64 numbers (9,000 instructions per emit).
--   outbox has no insert trigger (each costs 3 us an event): row-level security lets only
--   ledger_append insert.
create or replace function ledger_guard.guards_of(target regclass)
returns table (guard name, events text, level text, condition text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with listed (table_name, guard, events, level, condition) as (values
    ('agent_events', 'ledger_guard_row', 'update or delete', 'row', null),
    ('agent_events', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'agent_events', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('agent_events_archive', 'ledger_guard_row', 'update or delete', 'row', null),
    (
      'agent_events_archive', 'ledger_guard_statement',
      'insert or update or delete or truncate', 'statement', null
    ),
    ('outbox', 'ledger_guard_row', 'update or delete', 'row', null),
    ('outbox', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    ('agent_runs', 'ledger_guard_row', 'update or delete', 'row', null),
    ('agent_runs', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'agent_runs', 'ledger_guard_insert',
      'insert', 'row', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('event_schemas', 'ledger_guard_row', 'update or delete', 'row', null),
    ('event_schemas', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'event_schemas', 'ledger_guard_insert',
      'insert', 'row', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('event_private', 'ledger_guard_row', 'update', 'row', null),
    ('event_private', 'ledger_guard_statement', 'update or truncate', 'statement', null),
    (
      'event_private', 'ledger_guard_delete',
      'delete', 'row', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('erasures', 'ledger_guard_row', 'update or delete', 'row', null),
    ('erasures', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'erasures', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('cold_files', 'ledger_guard_row', 'update or delete', 'row', null),
    ('cold_files', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'cold_files', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('cold_drops', 'ledger_guard_row', 'update or delete', 'row', null),
    ('cold_drops', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'cold_drops', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('outbox_purges', 'ledger_guard_row', 'update or delete', 'row', null),
    ('outbox_purges', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'outbox_purges', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('cold_ranges', 'ledger_guard_row', 'update or delete', 'row', null),
    ('cold_ranges', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'cold_ranges', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('legal_holds', 'ledger_guard_row', 'delete', 'row', null),
    ('legal_holds', 'ledger_guard_statement', 'delete or truncate', 'statement', null),
    (
      'legal_holds', 'ledger_guard_write',
      'insert or update', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('partitions', 'ledger_guard_row', 'delete', 'row', null),
    ('partitions', 'ledger_guard_statement', 'delete or truncate', 'statement', null),
    ('event_types', 'ledger_guard_statement', 'truncate', 'statement', null),
    ('streams', 'ledger_guard_statement', 'truncate', 'statement', null),
    ('idempotency_keys', 'ledger_guard_statement', 'truncate', 'statement', null),
    ('inbox', 'ledger_guard_statement', 'truncate', 'statement', null),
    ('inbox_failures', 'ledger_guard_statement', 'truncate', 'statement', null),
    ('log_entries', 'ledger_guard_row', 'update or delete', 'row', null),
    ('log_entries', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'log_entries', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('log_tiles', 'ledger_guard_row', 'update or delete', 'row', null),
    ('log_tiles', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'log_tiles', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('log_blocks', 'ledger_guard_row', 'update or delete', 'row', null),
    ('log_blocks', 'ledger_guard_statement', 'update or delete or truncate', 'statement', null),
    (
      'log_blocks', 'ledger_guard_insert',
      'insert', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('log_heads', 'ledger_guard_statement', 'delete or truncate', 'statement', null),
    (
      'log_heads', 'ledger_guard_write',
      'insert or update', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('log_edges', 'ledger_guard_statement', 'delete or truncate', 'statement', null),
    (
      'log_edges', 'ledger_guard_write',
      'insert or update', 'statement', $c$current_user <> 'ledger_append'::text$c$
    ),
    ('log_sweep', 'ledger_guard_statement', 'delete or truncate', 'statement', null),
    (
      'log_sweep', 'ledger_guard_write',
      'insert or update', 'statement', $c$current_user <> 'ledger_append'::text$c$
    )
  ),
  wanted as (
    select l.guard, l.events, l.level, l.condition from listed as l
    where l.table_name = (
      select c.relname from pg_class as c
      where c.oid = guards_of.target and c.relnamespace = to_regnamespace('ledger')
    )
  )
  select w.guard, w.events, w.level, w.condition from wanted as w
  union all
  select p.guard, p.events, p.level, null
  from (values
    ('ledger_guard_partition_row', 'update or delete', 'row'),
    ('ledger_guard_partition', 'insert or update or delete or truncate', 'statement')
  ) as p (guard, events, level)
  where not exists (select from wanted)
$$;

comment on function ledger_guard.guards_of(regclass) is
  'The guard triggers that a table of the ledger must carry.';

-- from sql/guard/refuse_change.sql
-- What every guard trigger runs. Refuses whatever fired it; the trigger's events and condition say
-- what is refused.
create or replace function ledger_guard.refuse_change()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG001',
    message = format(
      '%s on %I.%I is refused: the ledger is append-only', tg_op, tg_table_schema, tg_table_name
    ),
    detail = format('Role %s, guard trigger %s.', current_user, tg_name),
    hint = case tg_op
      when 'INSERT' then 'Write events with ledger.emit_event(); nothing else inserts here.'
      else 'Nothing is changed or deleted. Record a correction as a new event with '
        'ledger.emit_event().'
    end;
end
$$;

comment on function ledger_guard.refuse_change() is
  'Trigger function of every guard: raises LG001.';

-- from sql/guard/protect_table.sql
-- Puts the guards on a table of the ledger or on a partition; call it on a new partition before it
-- is attached. Safe to repeat. Locks the table against writers (SHARE ROW EXCLUSIVE) until the
-- transaction ends.
create or replace function ledger.protect_table(target regclass)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_guard record;
begin
  for v_guard in select * from ledger_guard.guards_of(protect_table.target) loop
    execute format(
      'create or replace trigger %I before %s on %s for each %s %s '
      'execute function ledger_guard.refuse_change()',
      v_guard.guard,
      v_guard.events,
      protect_table.target,
      v_guard.level,
      'when (' || v_guard.condition || ')'
    );
    execute format('alter table %s enable always trigger %I', protect_table.target, v_guard.guard);
  end loop;
end
$$;

comment on function ledger.protect_table(regclass) is
  'Puts the guard triggers on a table or partition of the ledger. Call it on a partition before '
  'attaching it.';

-- from sql/guard/relation_of.sql
-- The table, index, view or sequence that a catalog object is, or is part of; NULL for others. An
-- index counts as its table.
create or replace function ledger_guard.relation_of(classid oid, objid oid)
returns oid
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case relation_of.classid
    when 'pg_class'::regclass then coalesce(
      (select i.indrelid from pg_index as i where i.indexrelid = relation_of.objid),
      relation_of.objid
    )
    when 'pg_trigger'::regclass
      then (select t.tgrelid from pg_trigger as t where t.oid = relation_of.objid)
    when 'pg_rewrite'::regclass
      then (select r.ev_class from pg_rewrite as r where r.oid = relation_of.objid)
    when 'pg_policy'::regclass
      then (select p.polrelid from pg_policy as p where p.oid = relation_of.objid)
  end
$$;

comment on function ledger_guard.relation_of(oid, oid) is
  'The relation that a catalog object is, or is part of; NULL for other objects.';

-- from sql/guard/is_protected.sql
-- Whether an object belongs to the ledger: it stands in one of its schemas, belongs to one of its
-- owning roles (so that a table just moved to another schema is still recognised), or hangs below
-- one of its tables. Temporary tables do not.
create or replace function ledger_guard.is_protected(classid oid, objid oid, schema_name text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_schemas constant oid[] := array[
    to_regnamespace('ledger')::oid, to_regnamespace('ledger_guard')::oid
  ];
  c_owners constant oid[] := array[
    to_regrole('ledger_owner')::oid,
    to_regrole('ledger_append')::oid,
    to_regrole('ledger_guard')::oid
  ];
  v_relation oid := ledger_guard.relation_of(is_protected.classid, is_protected.objid);
begin
  if is_protected.schema_name = 'pg_temp' then
    return false;
  elsif is_protected.schema_name in ('ledger', 'ledger_guard') then
    return true;
  elsif v_relation is not null then
    return exists (
      select from pg_class as c
      where c.oid = v_relation
        and c.relpersistence <> 't'
        and (c.relowner = any(c_owners) or c.relnamespace = any(c_schemas))
    ) or exists (
      select from pg_inherits as i
      join pg_class as parent on parent.oid = i.inhparent
      where i.inhrelid = v_relation and parent.relnamespace = any(c_schemas)
    ) or exists (
      select from pg_inherits as i
      join pg_class as child on child.oid = i.inhrelid
      where i.inhparent = v_relation and child.relnamespace = any(c_schemas)
    );
  elsif is_protected.classid = 'pg_proc'::regclass then
    return exists (
      select from pg_proc as p
      where p.oid = is_protected.objid and p.proowner = any(c_owners)
    );
  elsif is_protected.classid = 'pg_namespace'::regclass then
    return exists (
      select from pg_namespace as n
      where n.oid = is_protected.objid and (n.nspowner = any(c_owners) or n.oid = any(c_schemas))
    );
  end if;
  return false;
end
$$;

comment on function ledger_guard.is_protected(oid, oid, text) is
  'Whether a catalog object belongs to the ledger.';

-- from sql/guard/unprotected_rows.sql
-- Tables whose row-level security is off or does not bind the owner.
create or replace function ledger_guard.unprotected_rows()
returns setof regclass
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select c.oid::regclass
  from pg_class as c
  where c.relnamespace = to_regnamespace('ledger')
    and c.relname in (
      'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'event_private', 'streams',
      'idempotency_keys', 'event_types', 'event_schemas', 'tenants', 'tenant_grants',
      'log_heads', 'log_edges', 'log_entries', 'log_tiles', 'log_blocks', 'log_sweep',
      'legal_holds', 'erasures', 'cold_files', 'cold_drops', 'cold_ranges',
      'relays', 'relay_cursors', 'relay_parked', 'relay_confirmations', 'outbox_purges',
      'inbox', 'inbox_failures', 'subscription_cursors'
    )
    and not (c.relrowsecurity and c.relforcerowsecurity)
$$;

comment on function ledger_guard.unprotected_rows() is
  'Tables without (forced) row-level security.';

-- from sql/guard/foreign_code.sql
-- Defaults, constraints, indexes, policies and column types of the ledger's tables that use
-- functions, operators or types which are not built in: such code would run as ledger_append with
-- every event. The policies' own function is the exception. For these tables, or for all.
create or replace function ledger_guard.foreign_code(targets oid[] default null)
returns table (target regclass, part text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with tables as (
    select c.oid
    from pg_class as c
    where c.relnamespace in (to_regnamespace('ledger'), to_regnamespace('ledger_guard'))
      and c.relkind in ('r', 'p')
      and foreign_code.targets is null
    union
    select p.target from ledger_guard.protected_tables as p
    where foreign_code.targets is null
    union
    select t.oid from unnest(foreign_code.targets) as t (oid)
  ),
  parts (target, classid, objid) as (
    select t.oid, 'pg_class'::regclass, t.oid
    from tables as t
    union all
    select a.adrelid, 'pg_attrdef'::regclass, a.oid
    from pg_attrdef as a
    join tables as t on t.oid = a.adrelid
    union all
    select c.conrelid, 'pg_constraint'::regclass, c.oid
    from pg_constraint as c
    join tables as t on t.oid = c.conrelid
    union all
    select i.indrelid, 'pg_class'::regclass, i.indexrelid
    from pg_index as i
    join tables as t on t.oid = i.indrelid
    union all
    select p.polrelid, 'pg_policy'::regclass, p.oid
    from pg_policy as p
    join tables as t on t.oid = p.polrelid
  )
  select p.target::regclass, pg_describe_object(p.classid, p.objid, 0)
  from parts as p
  join pg_depend as d on d.classid = p.classid and d.objid = p.objid
  where d.refclassid in (
      'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_type'::regclass
    )
    and d.deptype = 'n'
    and not (
      p.classid = 'pg_policy'::regclass
      and d.refclassid = 'pg_proc'::regclass
      and d.refobjid = to_regprocedure('ledger.permitted_tenants(text)')
    )
$$;

comment on function ledger_guard.foreign_code(oid[]) is
  'Parts of the ledger''s tables that run code which is not built in.';

-- from sql/guard/broken_triggers.sql
-- Guard triggers of these tables that do not do their work, and triggers on them that are not the
-- ledger's. 'demoted': fires only in sessions with session_replication_role = origin (a data-only
-- restore does that).
create or replace function ledger_guard.broken_triggers(targets oid[])
returns table (target regclass, guard text, problem text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with wanted as (
    select
      t.target,
      g.guard,
      g.condition,
      2  -- as pg_trigger.tgtype
      + (g.level = 'row')::int
      + 4 * (g.events like '%insert%')::int
      + 8 * (g.events like '%delete%')::int
      + 16 * (g.events like '%update%')::int
      + 32 * (g.events like '%truncate%')::int as type
    from unnest(broken_triggers.targets) as t (target)
    cross join lateral ledger_guard.guards_of(t.target) as g
    union all
    select i.inhrelid, 'ledger_guard_row', null, 27  -- the parent's row guard, cloned
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhparent
    where i.inhrelid = any(broken_triggers.targets)
      and c.relnamespace = to_regnamespace('ledger')
      and c.relname in ('agent_events', 'agent_events_archive', 'outbox')
  ),
  present as (
    select t.*
    from pg_trigger as t
    where t.tgrelid = any(broken_triggers.targets)
      and (not t.tgisinternal or t.tgname like 'ledger\_guard%')
  ),
  compared as (
    select
      coalesce(w.target, t.tgrelid) as target,
      coalesce(w.guard, t.tgname) as guard,
      case
        when t.tgname is null then 'missing'
        when w.guard is null then 'foreign trigger'
        when t.tgfoid <> 'ledger_guard.refuse_change()'::regprocedure
          or t.tgtype <> w.type
          or t.tgattr <> ''
          or (t.tgqual is null) <> (w.condition is null)
          or w.condition is not null
          and strpos(
            pg_get_triggerdef(t.oid), 'WHEN ((CURRENT_USER <> ''ledger_append''::text))'
          ) = 0
          then 'altered'
        when t.tgenabled in ('D', 'R') then 'disabled'
        when t.tgenabled <> 'A' then 'demoted'
      end as problem
    from wanted as w
    full join present as t on t.tgrelid = w.target and t.tgname = w.guard
  )
  select c.target::regclass, c.guard::text, c.problem from compared as c where c.problem is not null
  union all
  select
    t.tgrelid::regclass,
    t.tgname::text,
    case when t.tgenabled in ('D', 'R') then 'disabled' else 'demoted' end
  from pg_trigger as t
  where t.tgfoid = to_regprocedure('ledger_guard.close_window()') and t.tgenabled <> 'A'
$$;

comment on function ledger_guard.broken_triggers(oid[]) is
  'Guard triggers that are missing, altered, disabled or demoted, and foreign triggers on '
  'protected tables.';

-- from sql/guard/current_window.sql
-- The maintenance window of the current transaction; no row when there is none.
create or replace function ledger_guard.current_window()
returns setof ledger_guard.maintenance_windows
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
rows 1
as $$
  select w.*
  from ledger_guard.maintenance_windows as w
  where w.xact_id = pg_current_xact_id_if_assigned()
    and w.opened_at = transaction_timestamp()
$$;

comment on function ledger_guard.current_window() is
  'The maintenance window that the current transaction has open.';

-- from sql/guard/broken_guards.sql
-- Everything that keeps the ledger's tables append-only and does not, and whatever could work
-- around it. For all tables, or for those given; of these, one that this transaction's window has
-- seen guarded stays guarded while it is detached.
create or replace function ledger_guard.broken_guards(targets oid[] default null)
returns table (target regclass, guard text, problem text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with guarded as materialized (
    select p.target::oid as target
    from ledger_guard.protected_tables as p
    where broken_guards.targets is null or p.target = any(broken_guards.targets)
    union
    select c.oid
    from ledger_guard.current_window() as w
    join pg_class as c on c.oid = any(broken_guards.targets) and c.oid = any(w.protected)
  )
  select t.target, t.guard, t.problem
  from ledger_guard.broken_triggers(array(select g.target from guarded as g)) as t
  union all
  select t, 'row-level security', 'disabled' from ledger_guard.unprotected_rows() as t
  union all
  select r.ev_class::regclass, r.rulename::text, 'foreign rule'
  from guarded as g
  join pg_rewrite as r on r.ev_class = g.target
  union all
  select f.target, f.part, 'foreign code' from ledger_guard.foreign_code(broken_guards.targets) as f
$$;

comment on function ledger_guard.broken_guards(oid[]) is
  'Guards that are missing, altered, disabled or demoted, and foreign triggers, rules and code '
  'on the ledger''s tables.';

-- from sql/guard/ownership_findings.sql
-- Objects of the ledger that do not belong to its own roles.
create or replace function ledger_guard.ownership_findings()
returns table (object text, owner name, wanted text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with objects as (
    select
      format('table %s', c.oid::regclass) as object, c.relowner as owner, n.nspname as schema_name,
      false as is_function
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('ledger', 'ledger_guard')
      and c.relkind in ('r', 'p', 'v', 'm', 'S')
      and c.relname <> 'alembic_version'
    union all
    select format('function %s', p.oid::regprocedure), p.proowner, n.nspname, true
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname in ('ledger', 'ledger_guard')
    union all
    select format('schema %I', n.nspname), n.nspowner, n.nspname, false
    from pg_namespace as n
    where n.nspname in ('ledger', 'ledger_guard')
  )
  select o.object, pg_get_userbyid(o.owner), w.wanted
  from objects as o
  cross join lateral (
    select case
      when o.schema_name = 'ledger_guard' then 'ledger_guard'
      when o.is_function then 'ledger_owner or ledger_append or ledger_sandbox'
      else 'ledger_owner'
    end as wanted
  ) as w
  where pg_get_userbyid(o.owner) <> all(string_to_array(w.wanted, ' or '))
$$;

comment on function ledger_guard.ownership_findings() is
  'Objects of the ledger whose owner is not the ledger''s.';

-- from sql/guard/new_partitions.sql
-- What hangs below the ledger's partitioned tables and did not when the window opened.
create or replace function ledger_guard.new_partitions()
returns oid[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select array(
    select p.target::oid from ledger_guard.protected_tables as p
    except
    select unnest(w.protected) from ledger_guard.current_window() as w
  )
$$;

comment on function ledger_guard.new_partitions() is
  'Partitions that were attached since the current maintenance window last looked.';

-- from sql/guard/window_targets.sql
-- The tables that a window for partitions has touched, which is where a guard can have been broken;
-- NULL, for all, in other windows and where no event trigger writes the commands down.
create or replace function ledger_guard.window_targets(
  maintenance_window ledger_guard.maintenance_windows
)
returns oid[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select array_agg(distinct t.oid)
  from (
    select c.relation as oid
    from ledger_guard.maintenance_commands as c
    where c.xact_id = (window_targets.maintenance_window).xact_id
      and c.opened_at = (window_targets.maintenance_window).opened_at
    union all
    select unnest((window_targets.maintenance_window).admitted)
  ) as t
  where (window_targets.maintenance_window).purpose = 'partition' and t.oid is not null
$$;

comment on function ledger_guard.window_targets(ledger_guard.maintenance_windows) is
  'Part of check_window(): the tables that it looks at when the window closes; NULL for all.';

-- from sql/guard/open_window.sql
-- Lets the current transaction change objects of the ledger where event triggers refuse that
-- otherwise: 'partition' (the ledger's own functions), 'upgrade', 'repair', 'uninstall'. Recorded;
-- at commit nothing may be less guarded than it was before. Only members of ledger_owner may call
-- it; where event triggers exist, only a superuser upgrades or uninstalls.
create or replace function ledger_guard.open_window(purpose text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role name := case current_setting('role')
    when 'none' then session_user
    else current_setting('role')::name
  end;
  v_by_superuser boolean := (select r.rolsuper from pg_roles as r where r.rolname = v_role);
begin
  if open_window.purpose is null
    or open_window.purpose not in ('partition', 'upgrade', 'repair', 'uninstall')
  then
    raise exception using
      errcode = 'LG009',
      message = format('%L is no purpose of a maintenance window', open_window.purpose),
      hint = 'Purposes: partition, upgrade, repair, uninstall.';
  end if;
  if open_window.purpose in ('upgrade', 'uninstall') and not v_by_superuser
    and exists (
      select from pg_event_trigger as e
      where e.evtname like 'ledger\_guard%' and e.evtenabled <> 'D'
    )
  then
    raise exception using
      errcode = 'LG001',
      message = format(
        '%s as %s is refused: event triggers protect this ledger', open_window.purpose, v_role
      ),
      hint = 'A superuser installed them; upgrade and uninstall as a superuser.';
  end if;

  insert into ledger_guard.maintenance_windows (
    purpose, opened_by, by_superuser, broken_guards, protected
  )
  select
    open_window.purpose,
    v_role,
    v_by_superuser,
    array(select format('%s %s', b.target, b.guard) from ledger_guard.broken_guards() as b),
    array(select p.target::oid from ledger_guard.protected_tables as p)
  on conflict (xact_id, opened_at) do nothing;
end
$$;

comment on function ledger_guard.open_window(text) is
  'Allows changes to objects of the ledger for the rest of the transaction (purpose: partition, '
  'upgrade, repair, uninstall).';

-- from sql/guard/is_permitted_drop.sql
-- Whether drop_cold() or purge_outbox() has recorded, in this transaction, that this table is dropped.
create or replace function ledger_guard.is_permitted_drop(table_id oid)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from ledger.cold_drops as d
    where d.table_id = is_permitted_drop.table_id
      and d.xact_id = pg_current_xact_id_if_assigned()
      and d.dropped_at >= transaction_timestamp()
  ) or exists (
    select
    from ledger.outbox_purges as d
    where d.table_id = is_permitted_drop.table_id
      and d.xact_id = pg_current_xact_id_if_assigned()
      and d.purged_at >= transaction_timestamp()
  )
$$;

comment on function ledger_guard.is_permitted_drop(oid) is
  'Whether the current transaction may drop this partition: ledger.permit_drop() or permit_purge() allowed it.';

-- from sql/guard/check_window.sql
-- Raises LG001 when the transaction has broken a guard that was whole when its window opened, or
-- (at_commit) left a partition detached or a table renamed. Looks at what a command has touched, so
-- that its price does not grow with the number of partitions; at commit at all that was. A partition
-- that the window attached may wait for its guards while it is empty, until commit.
create or replace function ledger_guard.check_window(
  at_commit boolean,
  touched oid[] default null
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_window ledger_guard.maintenance_windows;
  v_broken record;
begin
  select * into strict v_window from ledger_guard.current_window();
  if check_window.at_commit then
    touched := ledger_guard.window_targets(v_window);
  else
    touched := check_window.touched || ledger_guard.new_partitions();
  end if;

  select b.target, b.guard, b.problem into v_broken
  from ledger_guard.broken_guards(check_window.touched) as b
  where not format('%s %s', b.target, b.guard) = any(v_window.broken_guards)
    and (
      check_window.at_commit
      or not v_window.by_superuser
      and b.problem <> 'demoted'
      and (
        b.problem <> 'missing'
        or pg_relation_size(b.target) > 0
        or b.target::oid = any(v_window.protected) and not b.target::oid = any(v_window.admitted)
      )
    )
  limit 1;
  if found then
    raise exception using
      errcode = 'LG001',
      message = format(
        'guard %s on %s would be %s', v_broken.guard, v_broken.target, v_broken.problem
      ),
      detail = format(
        'Maintenance window: %s, opened by %s.', v_window.purpose, v_window.opened_by
      ),
      hint = 'Guard new partitions with ledger.protect_table(); mend old ones with '
        'ledger.repair_guards().';
  end if;

  if check_window.at_commit and not v_window.by_superuser then
    select t.oid into v_broken
    from unnest(v_window.protected) as t (oid)
    where not exists (select from ledger_guard.protected_tables as p where p.target = t.oid)
      and (
        not ledger_guard.is_permitted_drop(t.oid)
        or exists (select from pg_class as c where c.oid = t.oid)
      )
    limit 1;
    if found then
      raise exception using
        errcode = 'LG001',
        message = format('%s would be detached or renamed', v_broken.oid::regclass),
        hint = 'Attach it to ledger.agent_events or ledger.agent_events_archive in the same '
          'transaction.';
    end if;
  end if;
end
$$;

comment on function ledger_guard.check_window(boolean, oid[]) is
  'Raises LG001 when the current maintenance window leaves the ledger less guarded than it '
  'found it.';

-- from sql/guard/close_window.sql
-- Runs at commit, once for the window and once for each command in it; only the last one has work
-- to do. (A command is checked again even after SET CONSTRAINTS ... IMMEDIATE, which would else end
-- the check early.)
create or replace function ledger_guard.close_window()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from ledger_guard.maintenance_commands as c
    where c.xact_id = new.xact_id
      and c.opened_at = new.opened_at
      and (tg_table_name = 'maintenance_windows' or c.ordinal > (to_jsonb(new) ->> 'ordinal')::int)
  ) then
    perform ledger_guard.check_window(at_commit => true);
  end if;
  return null;
end
$$;

comment on function ledger_guard.close_window() is 'Commit check of a maintenance window.';

-- from sql/guard/window_guards.sql
-- The commit check of maintenance windows. An uninstalling window has none: a table with a pending
-- check cannot be dropped.
create constraint trigger close_window
after insert on ledger_guard.maintenance_windows
deferrable initially deferred
for each row when (new.purpose <> 'uninstall')
execute function ledger_guard.close_window();
alter table ledger_guard.maintenance_windows enable always trigger close_window;

create constraint trigger close_window
after insert on ledger_guard.maintenance_commands
deferrable initially deferred
for each row
execute function ledger_guard.close_window();
alter table ledger_guard.maintenance_commands enable always trigger close_window;

-- from sql/guard/admit_partitions.sql
-- In a maintenance window: a table that was just attached must be empty, because rows that come in
-- by ATTACH are forged history; or a cold partition that came back, event by event as it was.
-- Remembers it, so that events written to it in the same transaction are no surprise.
create or replace function ledger_guard.admit_partitions()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_window ledger_guard.maintenance_windows;
  v_new oid[] := ledger_guard.new_partitions();
begin
  if v_new = '{}' then
    return;
  end if;
  select * into strict v_window from ledger_guard.current_window();
  perform ledger_guard.admit_restored(t.oid)
  from unnest(v_new) as t (oid)
  where not v_window.by_superuser
    and (
      pg_relation_size(t.oid) > 0
      or exists (
        select
        from ledger.partitions as p
        join pg_class as c on c.relname = p.partition_name
        where c.oid = t.oid
          and c.relnamespace = to_regnamespace('ledger')
          and p.tier in ('cold', 'dropped')
      )
    );

  update ledger_guard.maintenance_windows as w
  set protected = v_window.protected || v_new, admitted = w.admitted || v_new
  where w.xact_id = v_window.xact_id and w.opened_at = v_window.opened_at;
end
$$;

comment on function ledger_guard.admit_partitions() is
  'Raises LG001 when a maintenance window attached a table that holds rows, unless they are those '
  'of a cold partition.';

-- from sql/guard/admit_restored.sql
-- Admits a partition with rows to the maintenance window that attached it: only a cold partition
-- that came back to the archive where it was, and whose every event is what the log says.
-- admit_partitions() asks too, when it is attached; whoever asks second is told the number only.
-- Attached it is guarded: between this look and the commit nobody can change it.
create or replace function ledger_guard.admit_restored(target regclass)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_window ledger_guard.maintenance_windows;
  v_partition ledger.partitions;
  v_count bigint;
begin
  select * into strict v_window from ledger_guard.current_window();
  if admit_restored.target = any(v_window.protected) and not v_window.by_superuser then
    return (
      select d.row_count
      from ledger.cold_drops as d
      join pg_class as c on c.relname = d.partition_name
      where c.oid = admit_restored.target
      order by d.dropped_at desc
      limit 1
    );
  end if;
  select p.* into v_partition
  from ledger.partitions as p
  join pg_class as c on c.relname = p.partition_name
  join pg_inherits as i on i.inhrelid = c.oid
  where c.oid = admit_restored.target
    and c.relnamespace = to_regnamespace('ledger')
    and i.inhparent = to_regclass('ledger.agent_events_archive')
    and pg_get_expr(c.relpartbound, c.oid)
    = format('FOR VALUES FROM (%L) TO (%L)', p.from_time, p.to_time)
    and p.tier in ('cold', 'dropped')
    and exists (select from ledger.cold_drops as d where d.partition_name = p.partition_name);
  if not found then
    raise exception using
      errcode = 'LG001',
      message = format('attaching %s is refused: it is not empty', admit_restored.target),
      hint = 'Rows come into the ledger through ledger.emit_event() only, and back from a cold '
        'file with ledger.finish_restore().';
  end if;
  v_count := ledger.require_restored(v_partition.partition_name);
  update ledger_guard.maintenance_windows as w
  set protected = w.protected || admit_restored.target::oid
  where w.xact_id = v_window.xact_id
    and w.opened_at = v_window.opened_at
    and not w.protected @> array[admit_restored.target::oid];
  return v_count;
end
$$;

comment on function ledger_guard.admit_restored(regclass) is
  'Lets a restored partition with its events into a maintenance window: LG001 for any other '
  'table, LG010 when an event is not what was sealed.';

-- from sql/guard/is_covered_period.sql
-- Whether an object is ledger.covered_period() and still nothing but a constant. Making partitions
-- rewrites it, and emit_event() runs it as ledger_append: no other code may get in that way.
create or replace function ledger_guard.is_covered_period(classid oid, objid oid)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select is_covered_period.classid = 'pg_proc'::regclass and exists (
    select
    from pg_proc as p
    where p.oid = is_covered_period.objid
      and p.oid = to_regprocedure('ledger.covered_period()')
      and p.provolatile = 'i'
      and not p.prosecdef
      and p.proconfig is null
      and pg_get_function_sqlbody(p.oid) ~ (
        '^RETURN tstzrange\(''[-0-9 :+]+''::timestamp with time zone, '
        || '''[-0-9 :+]+''::timestamp with time zone\)$'
      )
  )
$$;

comment on function ledger_guard.is_covered_period(oid, oid) is
  'Whether an object is ledger.covered_period() with a constant for a body.';

-- from sql/guard/refuse_ddl.sql
-- Event trigger at ddl_command_end: outside a maintenance window no object of the ledger changes;
-- inside one the command is recorded and the guards must stay whole; who is no superuser only
-- makes, moves and guards partitions.
create or replace function ledger_guard.refuse_ddl()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_command record;
  v_window ledger_guard.maintenance_windows;
  v_relation oid;
  v_touched oid[] := array[]::oid[];
begin
  for v_command in
    select c.command_tag, c.object_identity, c.classid, c.objid, c.objsubid
    from pg_event_trigger_ddl_commands() as c
    where ledger_guard.is_protected(c.classid, c.objid, c.schema_name)
  loop
    if v_window is null then
      select * into v_window from ledger_guard.current_window();
    end if;
    if v_window is null then
      raise exception using
        errcode = 'LG001',
        message = format(
          '%s of %s is refused: it belongs to the ledger',
          v_command.command_tag, v_command.object_identity
        ),
        hint = 'Upgrades begin their transaction with: '
          'select ledger_guard.open_window(''upgrade'');';
    end if;
    exit when v_window.purpose = 'uninstall';
    if not v_window.by_superuser
      and not ledger_guard.is_covered_period(v_command.classid, v_command.objid)
      and (
        v_command.command_tag not in (
          'CREATE TABLE', 'CREATE INDEX', 'CREATE TRIGGER', 'ALTER TABLE', 'COMMENT'
        )
        -- Two columns that swap their names swap what every row says.
        or v_command.command_tag = 'ALTER TABLE' and v_command.objsubid <> 0
      )
    then
      raise exception using
        errcode = 'LG001',
        message = format(
          '%s of %s is refused in a maintenance window for %s',
          v_command.command_tag, v_command.object_identity, v_window.purpose
        ),
        hint = 'A superuser may do this in a window for an upgrade.';
    end if;
    v_relation := ledger_guard.relation_of(v_command.classid, v_command.objid);
    v_touched := array_append(v_touched, v_relation);
    insert into ledger_guard.maintenance_commands (
      xact_id, opened_at, ordinal, command_tag, object, relation
    )
    select
      v_window.xact_id, v_window.opened_at, coalesce(max(c.ordinal), 0) + 1, v_command.command_tag,
      coalesce(v_command.object_identity, '?'), v_relation
    from ledger_guard.maintenance_commands as c
    where c.xact_id = v_window.xact_id and c.opened_at = v_window.opened_at;
  end loop;

  if v_window.purpose <> 'uninstall' then
    perform ledger_guard.check_window(at_commit => false, touched => v_touched);
    perform ledger_guard.admit_partitions();
  end if;
end
$$;

comment on function ledger_guard.refuse_ddl() is
  'Event trigger function: LG001 for DDL on the ledger outside a maintenance window.';

-- from sql/guard/refuse_detach.sql
-- Event trigger at ddl_command_start: DETACH PARTITION ... CONCURRENTLY commits its first half
-- before ddl_command_end could refuse it. It never runs inside a function or block, so
-- current_query() is the statement itself. It is let through only when it plainly names a table
-- that is not the ledger's; keywords cannot be written in any other way.
create or replace function ledger_guard.refuse_detach()
returns event_trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text[];
begin
  if current_query() !~* 'detach' or current_query() !~* '(concurrently|finalize)' then
    return;
  end if;
  v_name := regexp_match(
    current_query(),
    '^\s*alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?'
    '(?:("?)([a-z_][a-z0-9_]*)\1\s*\.\s*)?("?)([a-z_][a-z0-9_]*)\3\s+detach\s',
    'i'
  );
  if v_name is null
    or lower(v_name[2]) in ('ledger', 'ledger_guard')
    or v_name[2] is null and lower(v_name[4]) in ('agent_events', 'agent_events_archive', 'outbox')
  then
    raise exception using
      errcode = 'LG001',
      message = 'DETACH PARTITION ... CONCURRENTLY is refused: '
        'partitions of the ledger are not detached',
      hint = 'Is the table not the ledger''s? Write ALTER TABLE schema.table DETACH ..., '
        'without comments.';
  end if;
end
$$;

comment on function ledger_guard.refuse_detach() is
  'Event trigger function: LG001 for detaching partitions of the ledger concurrently.';

-- from sql/guard/refuse_drop.sql
-- Event trigger at sql_drop: outside a maintenance window nothing of the ledger is dropped; inside
-- one, by superusers only, but for the one partition that drop_cold() was permitted to drop, with
-- what is part of it. Written down as the window's other commands are.
create or replace function ledger_guard.refuse_drop()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_object record;
  v_window ledger_guard.maintenance_windows;
begin
  for v_object in
    select d.object_type, d.object_identity
    from pg_event_trigger_dropped_objects() as d
    where d.address_names[1] in ('ledger', 'ledger_guard')
      -- a publication, say, of that name stands in no schema
      and (cardinality(d.address_names) > 1 or d.object_type = 'schema')
      and not d.is_temporary
      and not (
        case
          when d.original
            then d.classid = 'pg_class'::regclass and ledger_guard.is_permitted_drop(d.objid)
          else not d.normal or exists (
            select from pg_event_trigger_dropped_objects() as t
            where t.original
              and t.address_names = d.address_names[:2]
              and ledger_guard.is_permitted_drop(t.objid)
          )
        end
      )
    limit 1
  loop
    select * into v_window from ledger_guard.current_window();
    if v_window is null then
      raise exception using
        errcode = 'LG001',
        message = format(
          '%s is refused: it would drop %s %s',
          tg_tag, v_object.object_type, v_object.object_identity
        ),
        hint = 'Upgrades begin their transaction with: '
          'select ledger_guard.open_window(''upgrade'');';
    end if;
    if not v_window.by_superuser then
      raise exception using
        errcode = 'LG001',
        message = format(
          '%s is refused: only a superuser may drop %s %s',
          tg_tag, v_object.object_type, v_object.object_identity
        ),
        hint = 'Run the upgrade as a superuser.';
    end if;
  end loop;

  insert into ledger_guard.maintenance_commands (
    xact_id, opened_at, ordinal, command_tag, object, relation
  )
  select
    w.xact_id,
    w.opened_at,
    coalesce((
      select max(c.ordinal) from ledger_guard.maintenance_commands as c
      where c.xact_id = w.xact_id and c.opened_at = w.opened_at
    ), 0) + 1,
    tg_tag,
    d.object_identity,
    d.objid
  from pg_event_trigger_dropped_objects() as d
  cross join ledger_guard.current_window() as w
  where d.original
    and d.classid = 'pg_class'::regclass
    and ledger_guard.is_permitted_drop(d.objid);
end
$$;

comment on function ledger_guard.refuse_drop() is
  'Event trigger function: LG001 for dropping objects of the ledger.';

-- from sql/guard/refuse_rewrite.sql
-- Event trigger at table_rewrite: ALTER TABLE ... USING could change every row without firing a
-- trigger. A new access method (reason 8, alone) copies them as they are: a window for partitions may.
create or replace function ledger_guard.refuse_rewrite()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if ledger_guard.is_protected('pg_class'::regclass, pg_event_trigger_table_rewrite_oid(), null)
    and not coalesce(
      (
        select w.by_superuser or w.purpose = 'partition' and pg_event_trigger_table_rewrite_reason() = 8
        from ledger_guard.current_window() as w
      ),
      false
    )
  then
    raise exception using
      errcode = 'LG001',
      message = format(
        'rewriting %s is refused: it belongs to the ledger',
        pg_event_trigger_table_rewrite_oid()::regclass
      ),
      hint = 'A superuser may, in a maintenance window: '
        'select ledger_guard.open_window(''upgrade'');';
  end if;
end
$$;

comment on function ledger_guard.refuse_rewrite() is
  'Event trigger function: LG001 for rewriting a table of the ledger.';

-- from sql/guard/create_event_triggers.sql
-- The event triggers, where they are missing. They refuse what an owner of the tables could do
-- otherwise: DROP, DETACH, DISABLE TRIGGER, rewrites, foreign triggers and policies, replaced
-- functions. They fire for the listed commands only and pass over whatever is not the ledger's.
-- check_guards() compares them with a list of its own. The caller must be a superuser.
create or replace function ledger_guard.create_event_triggers()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_trigger record;
begin
  for v_trigger in
    select * from (values
      ('ledger_guard_ddl', 'ddl_command_end', 'refuse_ddl', array[
        'ALTER AGGREGATE', 'ALTER FUNCTION', 'ALTER INDEX', 'ALTER MATERIALIZED VIEW',
        'ALTER POLICY', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER RULE', 'ALTER SCHEMA',
        'ALTER SEQUENCE', 'ALTER TABLE', 'ALTER TRIGGER', 'ALTER TYPE', 'ALTER VIEW',
        'CREATE AGGREGATE', 'CREATE FOREIGN TABLE', 'CREATE FUNCTION', 'CREATE INDEX',
        'CREATE MATERIALIZED VIEW', 'CREATE POLICY', 'CREATE PROCEDURE', 'CREATE RULE',
        'CREATE SEQUENCE', 'CREATE TABLE', 'CREATE TABLE AS', 'CREATE TRIGGER', 'CREATE TYPE',
        'CREATE VIEW', 'SELECT INTO'
      ]),
      ('ledger_guard_drop', 'sql_drop', 'refuse_drop', null),
      ('ledger_guard_rewrite', 'table_rewrite', 'refuse_rewrite', null),
      ('ledger_guard_detach', 'ddl_command_start', 'refuse_detach', array['ALTER TABLE'])
    ) as t (name, event, function_name, tags)
    where not exists (select from pg_event_trigger as e where e.evtname = t.name)
  loop
    execute format(
      'create event trigger %I on %s %s execute function ledger_guard.%I()',
      v_trigger.name,
      v_trigger.event,
      (
        select 'when tag in (' || string_agg(quote_literal(t), ', ') || ')'
        from unnest(v_trigger.tags) as t
      ),
      v_trigger.function_name
    );
    execute format('alter event trigger %I enable always', v_trigger.name);
  end loop;
end
$$;

comment on function ledger_guard.create_event_triggers() is
  'Creates the event triggers that refuse DDL on the ledger; for a superuser.';

-- from sql/guard/repair_event_triggers.sql
-- For repair_guards() called by a superuser: creates missing event triggers and enables disabled or
-- demoted ones.
create or replace function ledger_guard.repair_event_triggers()
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_whole constant int := (
    select count(*)
    from pg_event_trigger as e
    where e.evtname like 'ledger\_guard%' and e.evtenabled = 'A'
  );
  v_name name;
begin
  perform ledger_guard.create_event_triggers();
  for v_name in
    select e.evtname
    from pg_event_trigger as e
    where e.evtname like 'ledger\_guard%' and e.evtenabled <> 'A'
  loop
    execute format('alter event trigger %I enable always', v_name);
  end loop;
  return (
    select count(*) from pg_event_trigger as e where e.evtname like 'ledger\_guard%'
  ) - v_whole;
end
$$;

comment on function ledger_guard.repair_event_triggers() is
  'Creates and enables the event triggers; returns how many it mended. For a superuser.';

-- from sql/guard/repair_guards.sql
-- Re-creates and enables every guard that broken_guards() finds, and as a superuser the commit
-- checks and event triggers. Foreign triggers and rules are left for a person to judge. Runs as the
-- caller: a member of ledger_owner or a superuser.
create or replace function ledger.repair_guards()
returns int
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_superuser constant boolean := (
    select r.rolsuper from pg_roles as r where r.rolname = current_user
  );
  v_mended int := 0;
  v_item record;
begin
  perform ledger_guard.open_window('repair');

  for v_item in
    select b.target, b.guard, b.problem
    from ledger_guard.broken_guards() as b
    where b.problem not like 'foreign%'
      and (b.guard <> 'close_window' or v_is_superuser)
  loop
    if v_item.guard = 'row-level security' then
      execute format('alter table %s enable row level security', v_item.target);
      execute format('alter table %s force row level security', v_item.target);
    elsif v_item.problem in ('disabled', 'demoted') then
      -- a table with a pending check cannot be altered
      set constraints ledger_guard.close_window immediate;
      execute format('alter table %s enable always trigger %I', v_item.target, v_item.guard);
    else
      perform ledger.protect_table(v_item.target);
    end if;
    v_mended := v_mended + 1;
  end loop;

  if v_is_superuser then
    v_mended := v_mended + ledger_guard.repair_event_triggers();
  end if;
  return v_mended;
end
$$;

comment on function ledger.repair_guards() is
  'Re-creates and enables every guard that doctor() finds missing, altered, disabled or '
  'demoted; returns how many it mended.';

-- from sql/guard/guards.sql
-- The guards of every table that exists; partitions made later get theirs from protect_table().
do $$
begin
  perform ledger.protect_table(p.target) from ledger_guard.protected_tables as p;
end
$$;

-- from sql/guard/row_level_security.sql
-- Who sees and writes which rows, also when a privilege was granted by mistake. FORCE: the owner
-- obeys too, so that on the append-only tables not even ledger_owner inserts. Partitions carry no
-- policies: nobody has privileges on them. Policies cost nothing measurable on emit. Safe to
-- repeat.

do $$
declare
  v_table regclass;
begin
  for v_table in select * from ledger_guard.unprotected_rows() loop
    execute format('alter table %s enable row level security', v_table);
    execute format('alter table %s force row level security', v_table);
  end loop;
end
$$;

-- ledger_append, the owner of the writing functions, is bound by its grants and by the guards.
do $$
declare
  v_table text;
begin
  foreach v_table in array array[
    'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'event_private', 'streams',
    'idempotency_keys', 'event_types', 'event_schemas', 'tenants', 'tenant_grants',
    'log_heads', 'log_edges', 'log_entries', 'log_tiles', 'log_blocks', 'log_sweep',
    'legal_holds', 'erasures', 'cold_files', 'cold_drops', 'cold_ranges',
    'relays', 'relay_cursors', 'relay_parked', 'relay_confirmations', 'outbox_purges',
    'inbox', 'inbox_failures', 'subscription_cursors'
  ] loop
    execute format('drop policy if exists ledger_append on ledger.%I', v_table);
    execute format(
      'create policy ledger_append on ledger.%I to ledger_append using (true) with check (true)',
      v_table
    );
  end loop;
end
$$;

-- ledger_owner reads everything; it writes only what administrators decide.
do $$
declare
  v_table text;
begin
  foreach v_table in array array[
    'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'event_private', 'streams',
    'idempotency_keys', 'event_types', 'event_schemas', 'log_heads', 'log_edges', 'log_entries',
    'log_tiles', 'log_blocks', 'log_sweep', 'legal_holds', 'erasures', 'cold_files', 'cold_drops',
    'cold_ranges', 'relays', 'relay_cursors', 'relay_parked', 'relay_confirmations',
    'outbox_purges', 'inbox', 'inbox_failures', 'subscription_cursors'
  ] loop
    execute format('drop policy if exists ledger_owner on ledger.%I', v_table);
    execute format(
      'create policy ledger_owner on ledger.%I for select to ledger_owner using (true)', v_table
    );
  end loop;
  foreach v_table in array array['tenants', 'tenant_grants'] loop
    execute format('drop policy if exists ledger_owner on ledger.%I', v_table);
    execute format(
      'create policy ledger_owner on ledger.%I to ledger_owner using (true) with check (true)',
      v_table
    );
  end loop;
end
$$;

-- Readers see the tenants they were granted. The sub-selects are uncorrelated, so each runs once
-- per query.
do $$
declare
  v_table text;
begin
  foreach v_table in array array[
    'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'streams', 'tenants',
    'log_heads', 'log_edges', 'log_entries', 'log_tiles', 'log_blocks', 'cold_ranges'
  ] loop
    execute format('drop policy if exists ledger_reader on ledger.%I', v_table);
    execute format(
      $policy$
        create policy ledger_reader on ledger.%I for select
        to
          ledger_reader, ledger_auditor, ledger_operator,
          ledger_relay, ledger_consumer, ledger_privacy
        using (
          tenant_id = any((select ledger.permitted_tenants('read'))::text[])
          or (select ledger.permitted_tenants('read')) = '{*}'
        )
      $policy$, v_table
    );
  end loop;
end
$$;

-- Private data only for whom it was granted; holds, erasures and what consumers did also for who
-- works with them.
do $$
declare
  v_policy record;
begin
  for v_policy in
    select p.role_name, p.privilege, t.table_name
    from (values
      ('ledger_privacy', 'privacy', array['event_private', 'legal_holds', 'erasures']),
      (
        'ledger_auditor', 'audit',
        array['legal_holds', 'erasures', 'inbox', 'subscription_cursors']
      ),
      (
        'ledger_operator', 'operate',
        array['legal_holds', 'inbox', 'subscription_cursors']
      ),
      ('ledger_consumer', 'consume', array['inbox', 'inbox_failures', 'subscription_cursors'])
    ) as p (role_name, privilege, tables)
    cross join unnest(p.tables) as t (table_name)
  loop
    execute format('drop policy if exists %I on ledger.%I', v_policy.role_name, v_policy.table_name);
    execute format(
      $policy$
        create policy %1$I on ledger.%2$I for select to %1$I
        using (
          tenant_id = any((select ledger.permitted_tenants(%3$L))::text[])
          or (select ledger.permitted_tenants(%3$L)) = '{*}'
        )
      $policy$, v_policy.role_name, v_policy.table_name, v_policy.privilege
    );
  end loop;
end
$$;

-- The registry is shared by all tenants, and so are partitions and relays. How relays stand is for
-- relay_status and outbox_status to show.
drop policy if exists ledger_reader on ledger.event_types;
create policy ledger_reader on ledger.event_types for select to public using (true);
drop policy if exists ledger_reader on ledger.event_schemas;
create policy ledger_reader on ledger.event_schemas for select to public using (true);
drop policy if exists ledger_reader on ledger.cold_drops;
create policy ledger_reader on ledger.cold_drops for select to public using (true);
drop policy if exists ledger_reader on ledger.outbox_purges;
create policy ledger_reader on ledger.outbox_purges for select to public using (true);
drop policy if exists ledger_reader on ledger.relays;
create policy ledger_reader on ledger.relays for select to public using (true);

-- A file holds events of many tenants and says of how many: for those who read, or operate, all.
drop policy if exists ledger_reader on ledger.cold_files;
create policy ledger_reader on ledger.cold_files for select to ledger_reader, ledger_auditor
using ((select ledger.permitted_tenants('read')) = '{*}');
drop policy if exists ledger_operator on ledger.cold_files;
create policy ledger_operator on ledger.cold_files for select to ledger_operator
using ((select ledger.permitted_tenants('operate')) = '{*}');

-- from sql/monitor/broken_rules.sql
-- The rules of emit_event() that an event breaks; none when emit_event() wrote it.
create or replace function ledger.broken_rules(event ledger.agent_events)
returns table (rule text, detail text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select r.rule, r.detail
  from (select (broken_rules.event).*) as e
  cross join lateral (values
    (
      'actor_type',
      e.actor_type not in ('user', 'agent', 'system', 'webhook'),
      'actor_type is none of user, agent, system, webhook.'
    ),
    (
      'outcome',
      e.outcome not in ('success', 'failure', 'partial', 'pending'),
      'outcome is none of success, failure, partial, pending.'
    ),
    (
      'proof',
      e.proof is not null and not ledger.is_proof(e.proof),
      'proof does not have its form.'
    ),
    (
      'aggregate',
      (e.aggregate_type is null) <> (e.aggregate_id is null)
      or (e.aggregate_id is null) <> (e.sequence is null)
      or (e.prev_hash is null) <> (coalesce(e.sequence, 1) = 1),
      'aggregate_type, aggregate_id, sequence and prev_hash do not go together.'
    ),
    (
      'id',
      ledger.event_time(e.id) is distinct from e.created_at,
      'The time in id is not created_at.'
    ),
    (
      'clock',
      e.created_at > clock_timestamp() + interval '1 hour',
      'created_at lies in the future.'
    ),
    (
      'run',
      not exists (
        select from ledger.agent_runs as run
        where run.tenant_id = e.tenant_id and run.id = e.run_id
      ),
      'Its run does not exist.'
    ),
    (
      'hash',
      e.hash <> ledger.event_hash(ledger.event_entry(
        e.tenant_id, e.id, e.created_at, e.run_id, e.trace_id, e.correlation_id, e.causation_id,
        e.event_type, e.schema_version, e.payload::text, e.deal_id, e.action_id,
        e.aggregate_type, e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome,
        e.proof, e.metadata, e.occurred_at, e.private_hash
      ), e.prev_hash),
      'hash is not the hash of its fields: the row was changed or forged.'
    )
  ) as r (rule, is_broken, detail)
  where r.is_broken
$$;

comment on function ledger.broken_rules(ledger.agent_events) is
  'The rules of emit_event() that an event breaks.';

-- from sql/monitor/check_events.sql
-- doctor(): the rules that emit_event() checks, checked again for the last 1,000 events of each
-- tenant until 10,000 are looked at; deep => true looks at all, hot and archived. A finding names
-- one event and counts those that break the same rule.
create or replace function ledger.check_events(deep boolean default false)
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with recent as materialized (
    select e.*
    from ledger.tenants as t
    cross join lateral (
      select * from ledger.agent_events as a
      where a.tenant_id = t.tenant_id
      order by a.created_at desc
      limit 1000
    ) as e
    where not check_events.deep
    limit 10000
  ),
  looked_at as (
    select r.tenant_id, r.id, b.rule, b.detail
    from recent as r
    cross join lateral ledger.broken_rules(row(r.*)::ledger.agent_events) as b
    union all
    select e.tenant_id, e.id, b.rule, b.detail
    from ledger.agent_events as e
    cross join lateral ledger.broken_rules(e) as b
    where check_events.deep
    union all
    select e.tenant_id, e.id, b.rule, b.detail
    from ledger.agent_events_archive as e
    cross join lateral ledger.broken_rules(row(e.*)::ledger.agent_events) as b
    where check_events.deep
  )
  select
    case l.rule when 'clock' then 'warning' else 'error' end,
    'event ' || l.rule,
    format('event %s of tenant %s', min(l.id::text), l.tenant_id),
    format('%s (%s events)', l.detail, count(*)),
    case l.rule
      when 'clock' then 'The server''s clock was ahead, or emit_event() did not write it. Its stream '
        'goes on from there.'
      else 'It was not written by ledger.emit_event(). Compare it with a backup.'
    end
  from looked_at as l
  group by l.tenant_id, l.rule, l.detail
$$;

comment on function ledger.check_events(boolean) is
  'The part of doctor() about events; deep => true looks at every event.';

-- from sql/monitor/check_grants.sql
-- doctor(): privileges that grants.sql did not give: on functions, tables, columns and schemas.
create or replace function ledger.check_grants()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    'warning',
    case when a.grantee = 0 then 'granted to PUBLIC' else 'granted to another role' end,
    format('function %s', p.oid::regprocedure),
    format(
      '%s may execute it.',
      case when a.grantee = 0 then 'Every role' else pg_get_userbyid(a.grantee)::text end
    ),
    format(
      'revoke execute on routine %s from %s; access is given with ledger.grant_access().',
      p.oid::regprocedure,
      case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    )
  from pg_proc as p
  cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
  where p.pronamespace in (to_regnamespace('ledger'), to_regnamespace('ledger_guard'))
    and a.grantee <> p.proowner
    and pg_get_userbyid(a.grantee) not in (
      'ledger_owner', 'ledger_append', 'ledger_guard', 'ledger_sandbox', 'ledger_writer',
      'ledger_reader', 'ledger_relay', 'ledger_consumer', 'ledger_operator', 'ledger_privacy',
      'ledger_auditor', 'ledger_registrar'
    )
  group by p.oid, a.grantee
  union all
  select
    case when a.grantee = 0 then 'warning' else 'error' end,
    case when a.grantee = 0 then 'granted to PUBLIC' else 'write privilege' end,
    format('table %s', c.oid::regclass),
    format(
      '%s may %s directly.',
      case when a.grantee = 0 then 'Every role' else pg_get_userbyid(a.grantee)::text end,
      string_agg(a.privilege_type, ', ')
    ),
    format(
      'revoke %s on %s from %s;',
      string_agg(a.privilege_type, ', '),
      c.oid::regclass,
      case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    )
  from pg_class as c
  cross join lateral aclexplode(c.relacl) as a
  where c.relnamespace in (to_regnamespace('ledger'), to_regnamespace('ledger_guard'))
    and c.relname <> 'alembic_version'
    and a.grantee not in (
      c.relowner,
      to_regrole('ledger_append')::oid,
      to_regrole('ledger_owner')::oid,
      to_regrole('ledger_guard')::oid
    )
    and (a.grantee = 0 or a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER'))
    -- A partition that is being restored, which check_cold() reports.
    and not (
      a.grantee = to_regrole('ledger_operator')::oid
      and a.privilege_type = 'INSERT'
      and c.relname in (
        select p.partition_name from ledger.partitions as p where p.tier in ('cold', 'dropped')
      )
    )
  group by c.oid, a.grantee
  union all
  select
    case when 'SELECT' = all(array_agg(a.privilege_type)) then 'warning' else 'error' end,
    'column privilege',
    format('column %s.%I', c.oid::regclass, t.attname),
    format(
      '%s may %s it directly.',
      case when a.grantee = 0 then 'Every role' else pg_get_userbyid(a.grantee)::text end,
      string_agg(a.privilege_type, ', ')
    ),
    format(
      'revoke all (%I) on %s from %s;',
      t.attname,
      c.oid::regclass,
      case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    )
  from pg_attribute as t
  join pg_class as c on c.oid = t.attrelid
  cross join lateral aclexplode(t.attacl) as a
  where c.relnamespace in (to_regnamespace('ledger'), to_regnamespace('ledger_guard'))
    and not t.attisdropped
    and c.relname <> 'alembic_version'
    and a.grantee <> c.relowner
  group by c.oid, t.attname, a.grantee
  union all
  select
    'error',
    'CREATE privilege',
    format('schema %I', n.nspname),
    format(
      '%s may create objects in it.',
      case when a.grantee = 0 then 'Every role' else pg_get_userbyid(a.grantee)::text end
    ),
    format(
      'revoke create on schema %I from %s;',
      n.nspname,
      case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end
    )
  from pg_namespace as n
  cross join lateral aclexplode(n.nspacl) as a
  where n.nspname in ('ledger', 'ledger_guard')
    and a.privilege_type = 'CREATE'
    and a.grantee <> n.nspowner
  group by n.oid, n.nspname, a.grantee
$$;

comment on function ledger.check_grants() is
  'The part of doctor() about privileges that the ledger did not grant.';

-- from sql/monitor/check_guards.sql
-- doctor(): guards, row-level security, event triggers. What row_level_security.sql and
-- create_event_triggers() make is listed here once more, as the catalog shows it.
create or replace function ledger.check_guards()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $$
  with policies (name, command, roles, qual, new_rows, tables) as (values
    ('ledger_append', '*', 'ledger_append', 'true', 'true', array[
      'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'event_private', 'streams',
      'idempotency_keys', 'event_types', 'event_schemas', 'tenants', 'tenant_grants',
      'log_heads', 'log_edges', 'log_entries', 'log_tiles', 'log_blocks', 'log_sweep',
      'legal_holds', 'erasures', 'cold_files', 'cold_drops', 'cold_ranges',
      'relays', 'relay_cursors', 'relay_parked', 'relay_confirmations', 'outbox_purges',
      'inbox', 'inbox_failures', 'subscription_cursors'
    ]),
    ('ledger_owner', 'r', 'ledger_owner', 'true', null, array[
      'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'event_private', 'streams',
      'idempotency_keys', 'event_types', 'event_schemas', 'log_heads', 'log_edges', 'log_entries',
      'log_tiles', 'log_blocks', 'log_sweep', 'legal_holds', 'erasures', 'cold_files',
      'cold_drops', 'cold_ranges', 'relays', 'relay_cursors', 'relay_parked',
      'relay_confirmations', 'outbox_purges',
      'inbox', 'inbox_failures', 'subscription_cursors'
    ]),
    ('ledger_owner', '*', 'ledger_owner', 'true', 'true', array['tenants', 'tenant_grants']),
    (
      'ledger_reader', 'r',
      'ledger_auditor, ledger_consumer, ledger_operator, ledger_privacy, ledger_reader, '
      'ledger_relay',
      '((tenant_id = ANY (( SELECT ledger.permitted_tenants(''read''::text) AS permitted_tenants)'
      '::text[])) OR (( SELECT ledger.permitted_tenants(''read''::text) AS permitted_tenants)'
      ' = ''{*}''::text[]))',
      null,
      array[
        'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'streams', 'tenants',
        'log_heads', 'log_edges', 'log_entries', 'log_tiles', 'log_blocks', 'cold_ranges'
      ]
    ),
    ('ledger_reader', 'r', 'public', 'true', null, array[
      'event_types', 'event_schemas', 'cold_drops', 'outbox_purges', 'relays'
    ]),
    (
      'ledger_reader', 'r', 'ledger_auditor, ledger_reader',
      '(( SELECT ledger.permitted_tenants(''read''::text) AS permitted_tenants) = ''{*}''::text[])',
      null, array['cold_files']
    ),
    (
      'ledger_operator', 'r', 'ledger_operator',
      '(( SELECT ledger.permitted_tenants(''operate''::text) AS permitted_tenants)'
      ' = ''{*}''::text[])',
      null, array['cold_files']
    ),
    (
      'ledger_privacy', 'r', 'ledger_privacy',
      '((tenant_id = ANY (( SELECT ledger.permitted_tenants(''privacy''::text) AS '
      'permitted_tenants)::text[])) OR (( SELECT ledger.permitted_tenants(''privacy''::text) AS '
      'permitted_tenants) = ''{*}''::text[]))',
      null, array['event_private', 'legal_holds', 'erasures']
    ),
    (
      'ledger_auditor', 'r', 'ledger_auditor',
      '((tenant_id = ANY (( SELECT ledger.permitted_tenants(''audit''::text) AS '
      'permitted_tenants)::text[])) OR (( SELECT ledger.permitted_tenants(''audit''::text) AS '
      'permitted_tenants) = ''{*}''::text[]))',
      null,
      array['legal_holds', 'erasures', 'inbox', 'subscription_cursors']
    ),
    (
      'ledger_operator', 'r', 'ledger_operator',
      '((tenant_id = ANY (( SELECT ledger.permitted_tenants(''operate''::text) AS '
      'permitted_tenants)::text[])) OR (( SELECT ledger.permitted_tenants(''operate''::text) AS '
      'permitted_tenants) = ''{*}''::text[]))',
      null, array['legal_holds', 'inbox', 'subscription_cursors']
    ),
    (
      'ledger_consumer', 'r', 'ledger_consumer',
      '((tenant_id = ANY (( SELECT ledger.permitted_tenants(''consume''::text) AS '
      'permitted_tenants)::text[])) OR (( SELECT ledger.permitted_tenants(''consume''::text) AS '
      'permitted_tenants) = ''{*}''::text[]))',
      null, array['inbox', 'inbox_failures', 'subscription_cursors']
    )
  ),
  wanted_policies as (
    select t.table_name, p.name, p.command, p.roles, p.qual, p.new_rows
    from policies as p
    cross join unnest(p.tables) as t (table_name)
  ),
  present_policies as (
    select
      c.relname as table_name,
      p.polname as name,
      p.polpermissive as is_permissive,
      p.polcmd as command,
      (
        select string_agg(r.name, ', ' order by r.name)
        from (
          select case u.oid when 0 then 'public' else pg_get_userbyid(u.oid)::text end as name
          from unnest(p.polroles) as u (oid)
        ) as r
      ) as roles,
      pg_get_expr(p.polqual, p.polrelid) as qual,
      pg_get_expr(p.polwithcheck, p.polrelid) as new_rows
    from pg_policy as p
    join pg_class as c on c.oid = p.polrelid
    where c.relnamespace = to_regnamespace('ledger')
  ),
  event_triggers (name, event, function_name, tags) as (values
    ('ledger_guard_ddl', 'ddl_command_end', 'refuse_ddl', array[
      'ALTER AGGREGATE', 'ALTER FUNCTION', 'ALTER INDEX', 'ALTER MATERIALIZED VIEW',
      'ALTER POLICY', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER RULE', 'ALTER SCHEMA',
      'ALTER SEQUENCE', 'ALTER TABLE', 'ALTER TRIGGER', 'ALTER TYPE', 'ALTER VIEW',
      'CREATE AGGREGATE', 'CREATE FOREIGN TABLE', 'CREATE FUNCTION', 'CREATE INDEX',
      'CREATE MATERIALIZED VIEW', 'CREATE POLICY', 'CREATE PROCEDURE', 'CREATE RULE',
      'CREATE SEQUENCE', 'CREATE TABLE', 'CREATE TABLE AS', 'CREATE TRIGGER', 'CREATE TYPE',
      'CREATE VIEW', 'SELECT INTO'
    ]),
    ('ledger_guard_drop', 'sql_drop', 'refuse_drop', '{}'),
    ('ledger_guard_rewrite', 'table_rewrite', 'refuse_rewrite', '{}'),
    ('ledger_guard_detach', 'ddl_command_start', 'refuse_detach', array['ALTER TABLE'])
  ),
  compared_event_triggers as (
    select
      w.name,
      case
        when e.oid is null then 'missing'
        when e.evtevent <> w.event
          or e.evtfoid is distinct from
          to_regprocedure(format('ledger_guard.%I()', w.function_name))::oid
          or not (coalesce(e.evttags, '{}') @> w.tags and coalesce(e.evttags, '{}') <@ w.tags)
          then 'altered'
        when e.evtenabled <> 'A' then 'disabled or demoted'
      end as problem
    from event_triggers as w
    left join pg_event_trigger as e on e.evtname = w.name
  )
  select
    'error',
    'guard ' || b.problem,
    format('%s: %s', b.target, b.guard),
    case
      when b.problem like 'foreign%'
        then 'It is not the ledger''s; it could change, swallow or forge rows.'
      when b.problem = 'demoted' then 'It does not fire under session_replication_role = replica.'
      else 'The table is open to changes.'
    end,
    case
      when b.problem like 'foreign%' then 'Find out who made it, then drop it.'
      else 'select ledger.repair_guards(); and find out what changed meanwhile.'
    end
  from ledger_guard.broken_guards() as b
  union all
  select
    'error',
    case
      when p.name is null then 'policy missing'
      when w.name is null then 'foreign policy'
      else 'policy altered'
    end,
    format('ledger.%I: %I', coalesce(p.table_name, w.table_name), coalesce(p.name, w.name)),
    case
      when p.name is null then 'Who needs these rows does not see or write them.'
      when w.name is null
        then 'This row-level security policy is not the ledger''s; it may show rows of other '
          'tenants.'
      else format(
        'It may show rows of other tenants: for %s, using (%s), with check (%s).',
        p.roles, coalesce(p.qual, ''), coalesce(p.new_rows, '')
      )
    end,
    case
      when p.name is not null and w.name is null then 'drop policy, if nobody needs it.'
      else 'As a superuser, in a window for an upgrade: run sql/guard/row_level_security.sql again.'
    end
  from wanted_policies as w
  full join present_policies as p on p.table_name = w.table_name and p.name = w.name
  where p.name is null
    or w.name is null
    or not p.is_permissive
    or (p.command, p.roles, p.qual, p.new_rows)
    is distinct from (w.command, w.roles, w.qual, w.new_rows)
  union all
  select
    'error',
    'event trigger',
    e.name,
    format('It is %s.', e.problem),
    'As a superuser: '
    || case e.problem when 'altered' then format('drop event trigger %I; ', e.name) else '' end
    || 'select ledger.repair_guards();'
  from compared_event_triggers as e
  where e.problem is not null
    and exists (select from pg_event_trigger as any_of where any_of.evtname like 'ledger\_guard%')
  union all
  select
    'info',
    'event triggers',
    'ledger',
    'None: a member of ledger_owner could drop or disable guards; this report would show it.',
    'As a superuser: select ledger_guard.create_event_triggers();'
  where not exists (select from pg_event_trigger as e where e.evtname like 'ledger\_guard%')
$$;

comment on function ledger.check_guards() is
  'The part of doctor() about guards and row-level security.';

-- from sql/monitor/check_cold.sql
-- doctor(): cold partitions. Each needs its drop on record, in cold_drops and as an event
-- ledger.partition_dropped; where the last event about a partition is itself in a cold file, that it
-- was sealed is enough. Whether a hold on a stream or correlation covered what was dropped, the
-- events alone could tell, which are in the file.
create or replace function ledger.check_cold()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with looked_at as (
    select p.*, d.dropped_at, d.event_id, e.event_type, e.payload ->> 'new_tier' as new_tier
    from ledger.partitions as p
    left join lateral (
      select d.* from ledger.cold_drops as d
      where d.partition_name = p.partition_name
      order by d.dropped_at desc
      limit 1
    ) as d on true
    left join lateral (
      select e.event_type, e.payload from ledger.events as e
      where e.tenant_id = 'ledger'
        and e.aggregate_type = 'partition'
        and e.aggregate_id = p.partition_name::text
      order by e.sequence desc
      limit 1
    ) as e on true
    where p.parent_name = 'agent_events'
      and (p.tier in ('cold', 'dropped') or d.dropped_at is not null)
  )
  select
    'error', 'dropped without record', l.partition_name::text,
    case
      when l.dropped_at is null then format('The manifest says %s, but no drop is on record.', l.tier)
      when l.event_type is not null
        then format('The manifest says %s, the last event about it is %s.', l.tier, l.event_type)
      else 'No event ledger.partition_dropped records its drop.'
    end,
    'ledger.drop_cold() did not drop it. Find out who did, and restore it from its file or a backup.'
  from looked_at as l
  where l.tier in ('cold', 'dropped')
    and (
      l.dropped_at is null
      or l.event_type <> 'ledger.partition_dropped'
      or l.new_tier <> l.tier
      or not exists (
        select from ledger.events as e
        where e.tenant_id = 'ledger'
          and e.created_at = ledger.event_time(l.event_id)
          and e.id = l.event_id
      ) and not ledger.is_cold('ledger', l.event_id)
    )
  union all
  select
    'error', 'drop not done', l.partition_name::text,
    format('Its drop is on record, but the manifest says %s.', l.tier),
    'ledger.drop_cold() does both or none. Find out who called ledger.permit_drop().'
  from looked_at as l
  where l.tier in ('hot', 'archive')
    and l.event_type = 'ledger.partition_dropped'
  union all
  select distinct
    'error', 'dropped under a hold', d.partition_name::text,
    format('The legal hold %s of tenant %s covered it then.', h.id, h.tenant_id),
    'ledger.drop_cold() refuses that. Restore it from its file, and find out who did it.'
  from ledger.cold_drops as d
  join ledger.cold_ranges as r
    on r.partition_name = d.partition_name and r.file_sha256 = d.file_sha256
  join ledger.legal_holds as h
    on h.tenant_id = r.tenant_id
    and h.aggregate_id is null
    and h.correlation_id is null
    and h.placed_at <= d.dropped_at
    and coalesce(least(h.released_at, h.until_time) > d.dropped_at, true)
  where exists (
    select
    from ledger.log_entries as l
    where l.tenant_id = r.tenant_id
      and l.position >= lower(r.positions)
      and l.position < upper(r.positions)
      and r.positions @> l.position
      and ledger.covers(h, null, null, null, l.created_at)
      and (
        h.subject_id is null
        or exists (
          select from ledger.event_private as p
          where p.tenant_id = l.tenant_id
            and p.event_id = l.event_id
            and p.subject_id = h.subject_id
        )
      )
  )
  union all
  select
    'warning', 'restore not finished', c.oid::regclass::text,
    'Events were, or are, copied into it, and it is not attached.',
    format(
      'select ledger.finish_restore(%L); or begin again with ledger.begin_restore().',
      l.partition_name
    )
  from looked_at as l
  join pg_class as c
    on c.relname = l.partition_name and c.relnamespace = to_regnamespace('ledger')
  where l.tier in ('cold', 'dropped')
    and not exists (select from pg_inherits as i where i.inhrelid = c.oid)
$$;

comment on function ledger.check_cold() is 'The part of doctor() about cold partitions.';

-- from sql/monitor/check_inbox.sql
-- doctor(): messages that consumers gave up on, and failures that nobody tries again.
create or replace function ledger.check_inbox()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    'warning',
    'dead in inbox',
    format('consumer %s of tenant %s', f.consumer, f.tenant_id),
    format(
      '%s, the last at %s: %s',
      count(*), max(f.failed_at),
      left((array_agg(f.last_error order by f.failed_at desc))[1], 200)
    ),
    format(
      'select * from ledger.inbox_status where state = ''dead''; when the reason is gone: '
      'select ledger.requeue_failures(%L, tenant_id => %L);',
      f.consumer, f.tenant_id
    )
  from ledger.inbox_failures as f
  where f.is_dead and f.discarded_at is null
  group by f.tenant_id, f.consumer
  union all
  select
    'warning',
    'retries overdue',
    format('consumer %s of tenant %s', f.consumer, f.tenant_id),
    format('%s messages are due since %s.', count(*), min(f.next_attempt_at)),
    'Does the consumer run, and call retry_due() (or ledger.claim_failures())?'
  from ledger.inbox_failures as f
  where f.next_attempt_at < clock_timestamp() - interval '1 hour'
  group by f.tenant_id, f.consumer
$$;

comment on function ledger.check_inbox() is
  'The part of doctor() about what consumers failed to process.';

-- from sql/monitor/check_log.sql
-- doctor(): whether the log can be sealed here, is being sealed, and stands where its last block
-- left it. Whether it is whole, ledger.verify() and `agent-events verify` say.
create or replace function ledger.check_log()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    'error',
    'log of another cluster',
    format('log of tenant %s', h.tenant_id),
    format('It was sealed in the cluster %s; sealing refuses (LG012).', h.system_identifier),
    format('select ledger.rebase_log(%L);', h.tenant_id)
  from ledger.log_heads as h
  where h.system_identifier <> ledger.system_identifier()
  union all
  select
    'error',
    'wrong head',
    format('log of tenant %s', h.tenant_id),
    'It does not stand where its last block left it.',
    format('select * from ledger.verify(%L);', h.tenant_id)
  from ledger.log_heads as h
  left join ledger.log_blocks as b on b.tenant_id = h.tenant_id and b.block_no = h.block_no
  where h.block_no > 0 and (h.tree_size, h.root) is distinct from (b.tree_size, b.root)
  union all
  select
    'warning',
    'sealing stopped',
    format('log of tenant %s', e.tenant_id),
    format('%s events are older than 5 minutes and not sealed.', count(*)),
    'Call ledger.seal_all() on a schedule, say every second.'
  from ledger.log_sweep as s
  cross join lateral ledger.events_since(s.snapshot) as e
  left join ledger.log_heads as h on h.tenant_id = e.tenant_id
  where s.system_identifier = ledger.system_identifier()
    and e.created_at < clock_timestamp() - interval '5 minutes'
    and not pg_visible_in_snapshot(e.xact_id, coalesce(h.snapshot, s.snapshot))
    and not exists (
      select from ledger.log_entries as l
      where l.tenant_id = e.tenant_id and l.event_id = e.id
    )
  group by e.tenant_id
$$;

comment on function ledger.check_log() is 'The part of doctor() about the log and its sealing.';

-- from sql/monitor/check_maintenance.sql
-- doctor(): steps of maintenance that failed last time and are still due, and archiving that does
-- not happen.
create or replace function ledger.check_maintenance()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    'error',
    'maintenance failing',
    concat_ws(' ', s.step, s.object),
    format('%s: %s %s', s.finished_at, s.error ->> 'sqlstate', s.error ->> 'message'),
    coalesce(nullif(s.error ->> 'hint', ''), 'select * from ledger.maintenance_steps;')
  from (
    select distinct on (s.step, s.object) s.*
    from ledger.maintenance_steps as s
    where s.finished_at > clock_timestamp() - interval '7 days'
    order by s.step, s.object, s.finished_at desc
  ) as s
  where s.error is not null
    and exists (
      select from ledger.maintenance_plan() as p
      where p.step = s.step and p.object is not distinct from s.object
    )
  union all
  select
    'warning',
    'archiving overdue',
    p.partition_name::text,
    format('It ended %s ago; the retention policy keeps it hot for %s.', p.age, r.hot_for),
    'Schedule it: call ledger.maintain();'
  from ledger.partition_status as p
  cross join ledger.retention_policy as r
  where p.due = 'archive' and p.age > least(r.hot_for, r.warm_for) + interval '2 days'
$$;

comment on function ledger.check_maintenance() is 'The part of doctor() about maintenance.';

-- from sql/monitor/check_outbox.sql
-- doctor(): messages in the outbox whose event does not exist. (An event without a message is no
-- finding: publish => false.) The last 1,000 messages of each tenant until 10,000 are looked at;
-- deep => true looks at all.
create or replace function ledger.check_outbox(deep boolean default false)
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with looked_at as materialized (
    select m.tenant_id, m.created_at, m.id
    from ledger.tenants as t
    cross join lateral (
      select o.tenant_id, o.created_at, o.id
      from ledger.outbox as o
      where o.tenant_id = t.tenant_id
      order by o.created_at desc
      limit case when check_outbox.deep then null else 1000 end
    ) as m
    limit case when check_outbox.deep then null else 10000 end
  )
  select
    'error', 'outbox orphan', format('message %s of tenant %s', min(m.id::text), m.tenant_id),
    format('The outbox holds messages whose event does not exist (%s).', count(*)),
    'ledger.emit_event() did not write them. Do not deliver them.'
  from looked_at as m
  where not exists (
    select from ledger.agent_events as e
    where e.tenant_id = m.tenant_id and e.created_at = m.created_at and e.id = m.id
  ) and not exists (
    select from ledger.agent_events_archive as e
    where e.tenant_id = m.tenant_id and e.created_at = m.created_at and e.id = m.id
  ) and not ledger.is_cold(m.tenant_id, m.id)
  group by m.tenant_id
$$;

comment on function ledger.check_outbox(boolean) is
  'The part of doctor() about the outbox; deep => true looks at every message.';

-- from sql/monitor/check_partitions.sql
-- doctor(): partitions that are missing, astray or unknown. The manifest means tables of schema
-- ledger: a table of the same name elsewhere is another one.
create or replace function ledger.check_partitions()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with attached as (
    select
      i.inhrelid as oid,
      case c.relnamespace when parent.relnamespace then c.relname end as partition_name,
      parent.relname as parent_name,
      i.inhdetachpending as is_pending
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    join pg_class as parent on parent.oid = i.inhparent
    where parent.relnamespace = to_regnamespace('ledger')
      and parent.relname in ('agent_events', 'agent_events_archive', 'outbox')
  )
  select
    'warning',
    'partition missing',
    parent_name,
    format('No partition holds %s.', wanted.at_time),
    'select ledger.ensure_partitions(); and schedule it.'
  from ledger.partition_settings as s
  cross join generate_series(0, s.premake) as ahead
  cross join lateral (
    select now() + ahead * ('1 ' || s.partition_interval)::interval as at_time
  ) as wanted
  cross join unnest(array['agent_events', 'outbox']) as parent_name
  where not exists (
    select from ledger.partitions as p
    join attached as a on a.partition_name = p.partition_name and a.parent_name = p.parent_name
    where p.parent_name = parent_name.parent_name
      and p.from_time <= wanted.at_time
      and wanted.at_time < p.to_time
  )
  union all
  select
    'warning',
    'default partition',
    t.partdefid::regclass::text,
    'It blocks new partitions once it holds rows in their range.',
    'Detach it: the ledger makes partitions when they are needed.'
  from pg_partitioned_table as t
  join pg_class as c on c.oid = t.partrelid
  where c.relnamespace = to_regnamespace('ledger') and t.partdefid <> 0
  union all
  select
    'warning',
    'partition not in manifest',
    a.oid::regclass::text,
    format('It is attached to %s, but ledger.partitions does not know it.', a.parent_name),
    'Find out who attached it, and what it held.'
  from attached as a
  where not exists (select from ledger.partitions as p where p.partition_name = a.partition_name)
  union all
  select
    'error',
    'partition astray',
    p.partition_name::text,
    case
      when a.is_pending then 'Its detaching was begun: its rows are out of sight.'
      when a.oid is null then format('The manifest says %s, but it is not attached.', p.tier)
      else format('The manifest says %s, but it is attached to %s.', p.tier, a.parent_name)
    end,
    'Attach it where ledger.partitions says, after finding out what happened to it.'
  from ledger.partitions as p
  left join attached as a on a.partition_name = p.partition_name
  where p.tier in ('hot', 'archive')
    and (
      a.oid is null
      or a.is_pending
      or a.parent_name <> case p.tier
        when 'archive' then 'agent_events_archive'
        else p.parent_name
      end
    )
$$;

comment on function ledger.check_partitions() is 'The part of doctor() about partitions.';

-- from sql/monitor/check_relays.sql
-- doctor(): relays that stand still or have given messages up, and an outbox that therefore, or for
-- want of maintain(), is not purged.
create or replace function ledger.check_relays()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    'warning', 'dead messages', format('relay %s, tenant %s', s.relay, s.tenant_id),
    format('%s messages are given up.', s.dead),
    'select * from ledger.outbox_status where is_dead; then ledger.requeue_dead() or discard_dead().'
  from ledger.relay_status as s
  where s.dead > 0
  union all
  select
    'warning', 'relay behind', format('relay %s, tenant %s', s.relay, s.tenant_id),
    format(
      'The oldest of %s messages is %s old%s.',
      s.lag_messages, justify_interval(make_interval(secs => round(s.lag_seconds))),
      case when s.leased_by is null then ', and nobody works there' else '' end
    ),
    'Does `agent-events relay run` run? What is no longer wanted goes with ledger.drop_relay().'
  from ledger.relay_status as s
  where s.lag_seconds > 3600
  union all
  select
    'warning', 'purging overdue', p.partition_name::text,
    coalesce(
      (
        select format(
          'Not delivered by: %s.',
          string_agg(format('relay %s for tenant %s', b.relay, b.tenant_id), ', ')
        )
        from ledger.relays_behind(p.to_time) as b
        having count(*) > 0
      ),
      'Every relay has delivered it.'
    ),
    'Schedule it: call ledger.maintain(); it purges what all relays have delivered.'
  from ledger.partition_status as p
  cross join ledger.retention_policy as r
  where p.due = 'purge' and p.age > r.outbox_for + interval '2 days'
  union all
  select
    'error', 'dropped without record', p.partition_name::text,
    'The manifest says dropped, but no purge is on record.',
    'ledger.purge_outbox() did not drop it. Find out who did.'
  from ledger.partitions as p
  where p.parent_name = 'outbox'
    and p.tier = 'dropped'
    and not exists (
      select from ledger.outbox_purges as d where d.partition_name = p.partition_name
    )
$$;

comment on function ledger.check_relays() is
  'The part of doctor() about relays and what they keep from being purged.';

-- from sql/monitor/check_privacy.sql
-- doctor(): private data against the events that commit to it, for the last 1,000 events of each
-- tenant until 10,000 are looked at; deep => true looks at all. What is gone must be named by an
-- erasure, what is there must be what was emitted. Whether data that is gone was under a hold shows
-- only where the hold is not on a person: who it was about went with it.
create or replace function ledger.check_privacy(deep boolean default false)
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with looked_at as materialized (
    select r.*
    from ledger.tenants as t
    cross join lateral (
      select
        e.tenant_id, e.id, e.private_hash, e.aggregate_type, e.aggregate_id, e.correlation_id,
        e.created_at
      from ledger.events as e
      where e.tenant_id = t.tenant_id
      order by e.created_at desc
      limit case when check_privacy.deep then null else 1000 end
    ) as r
    limit case when check_privacy.deep then null else 10000 end
  ),
  compared as (
    select
      l.tenant_id,
      l.id,
      case
        when p.event_id is not null and x.is_erased then 'erased data is back'
        when p.event_id is not null and l.private_hash is distinct from
          ledger.private_hash(p.salt, p.private) then 'private data altered'
        when p.event_id is null and l.private_hash is not null and not x.is_erased then
          case when h.is_held then 'held private data missing' else 'private data missing' end
      end as kind
    from looked_at as l
    left join ledger.event_private as p on p.tenant_id = l.tenant_id and p.event_id = l.id
    cross join lateral (
      select exists (
        select from ledger.erasures as x where x.tenant_id = l.tenant_id and x.event_id = l.id
      ) as is_erased
    ) as x
    cross join lateral (
      select exists (
        select
        from ledger.legal_holds as h
        join ledger.active_holds as a on a.tenant_id = h.tenant_id and a.id = h.id
        where h.tenant_id = l.tenant_id
          and h.subject_id is null
          and ledger.covers(h, l.aggregate_type, l.aggregate_id, l.correlation_id, l.created_at)
      ) as is_held
    ) as h
    where l.private_hash is not null or p.event_id is not null
  )
  select
    'error', c.kind, format('event %s of tenant %s', min(c.id::text), c.tenant_id),
    format('%s (%s events)', k.detail, count(*)), k.hint
  from compared as c
  join (values
    (
      'private data missing', 'It is gone, and no erasure names it.',
      'ledger.erase_private() did not delete it. Find out who did, and compare with a backup.'
    ),
    (
      'held private data missing', 'It is gone, no erasure names it, and a legal hold covers it.',
      'ledger.erase_private() did not delete it. Restore it from a backup, and find out who did.'
    ),
    (
      'private data altered', 'It is not what the event commits to.',
      'It was changed after it was emitted. Compare it with a backup.'
    ),
    (
      'erased data is back', 'It was erased, and is there again.',
      'A backup brought it back: erase it again with ledger.erase_private().'
    )
  ) as k (kind, detail, hint) on k.kind = c.kind
  group by c.tenant_id, c.kind, k.detail, k.hint
$$;

comment on function ledger.check_privacy(boolean) is
  'The part of doctor() about private data; deep => true looks at every event.';

-- from sql/monitor/check_erasures.sql
-- doctor(): erasures without the event that records them, and erasures of what a hold covered then.
-- The last 1,000 of each tenant until 10,000 are looked at; deep => true looks at all.
create or replace function ledger.check_erasures(deep boolean default false)
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with looked_at as materialized (
    select r.*
    from ledger.tenants as t
    cross join lateral (
      select x.*
      from ledger.erasures as x
      where x.tenant_id = t.tenant_id
      order by x.erasure_id desc
      limit case when check_erasures.deep then null else 1000 end
    ) as r
    limit case when check_erasures.deep then null else 10000 end
  )
  select
    'error', 'erasure without event', format('erasure %s of tenant %s', l.erasure_id, l.tenant_id),
    format('No event ledger.private_erased records it (%s events).', count(*)),
    'ledger.erase_private() did not write it. Find out who did, and compare with a backup.'
  from looked_at as l
  where not exists (
    select
    from ledger.events as e
    where e.tenant_id = l.tenant_id
      and e.created_at = ledger.event_time(l.erasure_id)
      and e.id = l.erasure_id
      and e.event_type = 'ledger.private_erased'
  ) and not ledger.is_cold(l.tenant_id, l.erasure_id)
  group by l.tenant_id, l.erasure_id
  union all
  select
    'error', 'erased under a hold', format('erasure %s of tenant %s', l.erasure_id, l.tenant_id),
    format('The legal hold %s covered it then (%s events).', h.id, count(*)),
    'ledger.erase_private() refuses that. Restore the data from a backup, and find out who did it.'
  from looked_at as l
  join ledger.legal_holds as h
    on h.tenant_id = l.tenant_id
    and h.placed_at <= l.erased_at
    and coalesce(least(h.released_at, h.until_time) > l.erased_at, true)
  join ledger.events as e
    on e.tenant_id = l.tenant_id
    and e.created_at = ledger.event_time(l.event_id)
    and e.id = l.event_id
  where ledger.covers(h, e.aggregate_type, e.aggregate_id, e.correlation_id, e.created_at)
    and coalesce(ledger.subject_hash(h.subject_id, h.tenant_id) = l.subject_hash, h.subject_id is null)
  group by l.tenant_id, l.erasure_id, h.id
$$;

comment on function ledger.check_erasures(boolean) is
  'The part of doctor() about erasures; deep => true looks at every one.';

-- from sql/monitor/check_roles.sql
-- doctor(): who could do more than the functions allow.
create or replace function ledger.check_roles()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with version as (select current_setting('server_version_num')::int >= 160000 as has_set_option),
  people as (
    select r.* from pg_roles as r
    where not r.rolsuper
      and r.rolname not in ('ledger_owner', 'ledger_append', 'ledger_guard', 'ledger_sandbox')
  )
  select
    'error',
    'member of ' || g.role_name,
    r.rolname::text,
    format('It can act as %s and so %s.', g.role_name, g.power),
    format('revoke %I from %I;', g.role_name, r.rolname)
  from version as v
  cross join (values
    ('ledger_append', 'forge events'),
    ('ledger_guard', 'replace guards'),
    ('ledger_sandbox', 'replace what runs reducers')
  ) as g (role_name, power)
  join people as r
    on pg_has_role(
      r.oid, g.role_name, case when v.has_set_option then 'set, usage' else 'member' end
    )
  union all
  select
    'info',
    'administrator of ' || g.role_name,
    pg_get_userbyid(m.member)::text,
    'It may grant the role, also to itself (who creates a role may, from PostgreSQL 16 on).',
    'Keep its login for upgrades.'
  from (values ('ledger_append'), ('ledger_guard'), ('ledger_sandbox')) as g (role_name)
  join pg_auth_members as m on m.roleid = to_regrole(g.role_name) and m.admin_option
  join people as r on r.oid = m.member
  union all
  select
    case when pg_has_role(r.oid, 'ledger_owner', 'member') then 'info' else 'warning' end,
    'CREATEROLE',
    r.rolname::text,
    'Before PostgreSQL 16 it can grant itself any role that is no superuser, ledger_append '
    'included.',
    format('alter role %I nocreaterole; or upgrade to PostgreSQL 16 or later.', r.rolname)
  from version as v
  join people as r on r.rolcreaterole and not v.has_set_option
  union all
  select
    'warning',
    'BYPASSRLS',
    r.rolname::text,
    'It reads every tenant of the tables it may select from.',
    format('alter role %I nobypassrls;', r.rolname)
  from people as r
  where r.rolbypassrls and has_schema_privilege(r.oid, 'ledger', 'usage')
  union all
  select
    'error',
    'owner',
    o.object,
    format('It belongs to %s, not to %s.', o.owner, o.wanted),
    'Install the ledger''s grants again.'
  from ledger_guard.ownership_findings() as o
  union all
  select
    'error',
    'search_path',
    p.oid::regprocedure::text,
    'A SECURITY DEFINER function without a search_path of its own can be hijacked.',
    format('alter function %s set search_path = pg_catalog, pg_temp;', p.oid::regprocedure)
  from pg_proc as p
  where p.pronamespace in (to_regnamespace('ledger'), to_regnamespace('ledger_guard'))
    and p.prosecdef
    and not coalesce('search_path=pg_catalog, pg_temp' = any(p.proconfig), false)
$$;

comment on function ledger.check_roles() is 'The part of doctor() about roles and owners.';

-- from sql/monitor/doctor.sql
-- Is everything in place? One row per finding, the worst first; none of severity error or warning
-- when all is well. Looks at the catalog and at recent events; deep => true reads every event.
-- Changes nothing, locks nothing.
create or replace function ledger.doctor(deep boolean default false)
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select f.severity, f.kind, f.object, f.detail, f.hint
  from (
    select * from ledger.check_guards()
    union all
    select * from ledger.check_roles()
    union all
    select * from ledger.check_grants()
    union all
    select * from ledger.check_partitions()
    union all
    select * from ledger.check_events(doctor.deep)
    union all
    select * from ledger.check_outbox(doctor.deep)
    union all
    select * from ledger.check_relays()
    union all
    select * from ledger.check_privacy(doctor.deep)
    union all
    select * from ledger.check_erasures(doctor.deep)
    union all
    select * from ledger.check_cold()
    union all
    select * from ledger.check_log()
    union all
    select * from ledger.check_inbox()
    union all
    select * from ledger.check_maintenance()
  ) as f
  order by array_position(array['error', 'warning', 'info'], f.severity), f.kind, f.object
$$;

comment on function ledger.doctor(boolean) is
  'What is wrong with guards, roles, privileges, partitions, events, relays, private data, cold '
  'files, sealing and consumers; deep => true checks every event.';

-- from sql/grants.sql
-- Who owns what, and who may do what: one page, installed last, safe to run again.

grant create on schema ledger to ledger_append, ledger_sandbox;
grant create on schema ledger_guard to ledger_guard;

-- What writes runs as ledger_append, the only role with INSERT; what watches belongs to
-- ledger_guard; what runs users' functions belongs to ledger_sandbox, which may do nothing; the rest
-- to ledger_owner.
do $$
declare
  c_append constant text[] := array[
    'emit_event', 'emit_events', 'emit_plain_events', 'lock_keys', 'lock_streams', 'prepare_event',
    'require_run', 'begin_stream', 'find_receipt', 'keep_receipt', 'correlation_of',
    'find_event_type', 'ensure_tenant', 'find_run', 'start_run', 'finish_run',
    'register_event_type', 'refuse_payload',
    'seal', 'seal_all', 'rebase_log', 'lock_log_head', 'carried_sweep', 'unsealed_events',
    'seal_events', 'seal_locked', 'grow_tree', 'close_block',
    'begin_export', 'export_private', 'finish_export', 'export_has_event',
    'record_verification',
    'place_hold', 'release_hold', 'erase_private', 'read_private', 'subject_report',
    'record_cold_file', 'permit_drop', 'require_restored', 'sweep_log',
    'claim_outbox', 'read_outbox', 'confirm_outbox', 'fail_outbox', 'ensure_relay', 'lock_cursor',
    'find_cursor', 'require_lease', 'take_retries', 'park_followers', 'park_message', 'wake_lane',
    'settle_retries', 'dead_positions', 'requeue_dead', 'discard_dead', 'set_relay', 'drop_relay',
    'rewind_relay', 'permit_purge',
    'accept_event', 'fail_event', 'claim_failures', 'requeue_failures', 'discard_failure',
    'purge_inbox', 'subscription_position', 'save_position', 'drop_subscription'
  ];
  c_sandbox constant text[] := array[]::text[];
  v_object record;
begin
  for v_object in
    select o.kind, o.name, o.wanted
    from (
      select
        case when c.relkind = 'v' then 'view' else 'table' end as kind,
        format('%I.%I', n.nspname, c.relname) as name,
        c.relowner as owner,
        case n.nspname when 'ledger' then 'ledger_owner' else 'ledger_guard' end as wanted
      from pg_class as c
      join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('ledger', 'ledger_guard')
        and c.relkind in ('r', 'p', 'v')
        and c.relname <> 'alembic_version'
      union all
      select
        'type',
        format('%I.%I', n.nspname, t.typname),
        t.typowner,
        'ledger_owner'
      from pg_type as t
      join pg_namespace as n on n.oid = t.typnamespace
      join pg_class as c on c.oid = t.typrelid
      where n.nspname = 'ledger' and c.relkind = 'c'
      union all
      select
        case p.prokind when 'a' then 'aggregate' when 'p' then 'procedure' else 'function' end,
        p.oid::regprocedure::text,
        p.proowner,
        case
          when n.nspname = 'ledger_guard' then 'ledger_guard'
          when p.proname = any(c_append) then 'ledger_append'
          when p.proname = any(c_sandbox) then 'ledger_sandbox'
          else 'ledger_owner'
        end
      from pg_proc as p
      join pg_namespace as n on n.oid = p.pronamespace
      where n.nspname in ('ledger', 'ledger_guard')
    ) as o
    where pg_get_userbyid(o.owner) <> o.wanted
  loop
    execute format('alter %s %s owner to %I', v_object.kind, v_object.name, v_object.wanted);
  end loop;
end
$$;

revoke create on schema ledger from ledger_append, ledger_sandbox;
revoke all on all routines in schema ledger, ledger_guard from public;

-- Schemas.
grant usage on schema ledger to
  ledger_append, ledger_guard, ledger_sandbox, ledger_writer, ledger_reader, ledger_relay,
  ledger_consumer, ledger_operator, ledger_privacy, ledger_auditor, ledger_registrar;
grant usage on schema ledger_guard to ledger_owner, ledger_append, ledger_operator;

-- The owning roles use each other's parts; nobody else can become them.
grant execute on all routines in schema ledger to ledger_owner, ledger_append, ledger_guard;
grant execute on all routines in schema ledger_guard to ledger_owner;
grant select on all tables in schema ledger to ledger_guard;
grant select on all tables in schema ledger_guard to ledger_owner;
grant select, insert on
  ledger.agent_events, ledger.outbox, ledger.agent_runs, ledger.event_private, ledger.streams,
  ledger.idempotency_keys, ledger.tenants, ledger.event_schemas, ledger.event_types
to ledger_append;
grant select, insert on
  ledger.log_heads, ledger.log_edges, ledger.log_entries, ledger.log_tiles, ledger.log_blocks
to ledger_append;
grant select, insert on ledger.legal_holds, ledger.erasures to ledger_append;
grant select, insert on ledger.cold_files, ledger.cold_drops, ledger.cold_ranges to ledger_append;
grant select, insert, update, delete on
  ledger.relays, ledger.relay_cursors, ledger.relay_parked, ledger.relay_confirmations
to ledger_append;
grant select, insert on ledger.outbox_purges to ledger_append;
grant select, insert, update, delete on
  ledger.inbox_failures, ledger.subscription_cursors
to ledger_append;
-- UPDATE on inbox only to lock what is purged.
grant select, insert, update, delete on ledger.inbox to ledger_append;
grant select on
  ledger.active_holds, ledger.log_sweep, ledger.partitions, ledger.retention_policy
to ledger_append;
grant delete on ledger.event_private to ledger_append;
grant update on
  ledger.streams, ledger.event_types, ledger.log_heads, ledger.log_edges, ledger.log_sweep,
  ledger.legal_holds
to ledger_append;
grant select on
  ledger.agent_events_archive, ledger.tenant_grants, ledger.partition_settings, ledger.events
to ledger_append;

-- Everybody who may use the ledger at all.
grant execute on function
  ledger.setting, ledger.caller, ledger.is_owner, ledger.permitted_tenants, ledger.acts_for,
  ledger.permitted_for_any, ledger.require_tenant, ledger.require_any, ledger.set_context,
  ledger.event_id, ledger.uuid_v7,
  ledger.event_time, ledger.event_entry, ledger.event_hash, ledger.private_hash,
  ledger.event_schema
to
  ledger_writer, ledger_reader, ledger_relay, ledger_consumer, ledger_operator, ledger_privacy,
  ledger_auditor, ledger_registrar;
grant select on ledger.event_types, ledger.event_schemas to
  ledger_writer, ledger_reader, ledger_relay, ledger_consumer, ledger_operator, ledger_privacy,
  ledger_auditor, ledger_registrar;

-- Writers: nothing but functions.
grant execute on function
  ledger.emit_event, ledger.emit_events, ledger.start_run, ledger.finish_run
to ledger_writer;

-- Readers: the parents, through row-level security.
grant select on
  ledger.agent_events, ledger.agent_events_archive, ledger.events, ledger.outbox,
  ledger.agent_runs, ledger.agent_run_status, ledger.streams, ledger.tenants,
  ledger.event_type_coverage
to ledger_reader, ledger_auditor;
grant execute on function
  ledger.get_event, ledger.find_events, ledger.read_stream, ledger.trace, ledger.causation_order,
  ledger.require_page_size
to ledger_reader, ledger_auditor;

-- Exports: readers, redacted; with private data, who may read that too. Who did what with the record.
grant execute on function ledger.describe_event, ledger.summary_expression, ledger.summary_parts to
  ledger_reader, ledger_auditor;
grant execute on function
  ledger.begin_export, ledger.export_events, ledger.export_lines, ledger.export_page_end,
  ledger.finish_export, ledger.export_range,
  ledger.find_export, ledger.export_columns, ledger.json_line, ledger.csv_cell, ledger.csv_line,
  ledger.export_conditions, ledger.redaction, ledger.export_page, ledger.export_query,
  ledger.choose_by_type, ledger.pointer_jsonpath, ledger.pointer_path, ledger.find_paths,
  ledger.mask, ledger.mask_keys, ledger.secret_keys, ledger.has_secret_keys,
  ledger.may_have_secrets
to ledger_reader, ledger_auditor;
grant execute on function ledger.export_private to ledger_privacy;
grant execute on function ledger.record_verification to ledger_auditor, ledger_operator;
grant select on ledger.access_log to ledger_auditor, ledger_operator, ledger_privacy;
grant execute on function ledger.export_has_event to
  ledger_auditor, ledger_operator, ledger_privacy;

-- The log: its readers, and who may seal.
grant select on
  ledger.log, ledger.log_heads, ledger.log_edges, ledger.log_entries, ledger.log_tiles,
  ledger.log_blocks
to ledger_reader, ledger_auditor;
grant execute on function
  ledger.read_log, ledger.wait_for_position, ledger.position_of, ledger.require_tree_size,
  ledger.split_size, ledger.merkle_root, ledger.block_hash, ledger.log_node,
  ledger.log_range_root, ledger.log_root, ledger.inclusion_proof, ledger.consistency_proof,
  ledger.checkpoint
to ledger_reader, ledger_auditor;
grant execute on function ledger.seal to
  ledger_writer, ledger_reader, ledger_relay, ledger_consumer, ledger_operator, ledger_auditor;
grant execute on function ledger.seal_all, ledger.rebase_log to ledger_operator;
grant execute on function ledger.verify to ledger_reader, ledger_auditor, ledger_operator;

-- Relays: who delivers, and who looks after it.
grant execute on function
  ledger.claim_outbox, ledger.read_outbox, ledger.confirm_outbox, ledger.fail_outbox
to ledger_relay;
grant execute on function ledger.requeue_dead, ledger.discard_dead to
  ledger_relay, ledger_operator;
grant execute on function
  ledger.set_relay, ledger.drop_relay, ledger.rewind_relay, ledger.purge_outbox
to ledger_operator;
grant select on ledger.relays, ledger.relay_status, ledger.outbox_status to
  ledger_relay, ledger_reader, ledger_operator, ledger_auditor;
grant select on ledger.outbox_purges to ledger_reader, ledger_operator, ledger_auditor;

-- Private data: no table privilege, so that every look is recorded. Holds.
grant execute on function
  ledger.read_private, ledger.subject_report, ledger.erase_private, ledger.merge_private,
  ledger.pointer_path
to ledger_privacy;
grant execute on function ledger.place_hold, ledger.release_hold to
  ledger_operator, ledger_privacy;
grant execute on function ledger.held_by, ledger.subject_hash to
  ledger_operator, ledger_privacy, ledger_auditor;
grant select on ledger.legal_holds, ledger.active_holds to
  ledger_operator, ledger_privacy, ledger_auditor;
grant select on ledger.erasures to ledger_privacy, ledger_auditor;

-- Cold partitions: for operators of every tenant; what is in files, everybody may know.
grant execute on function
  ledger.partition_digest, ledger.record_cold_file, ledger.drop_cold, ledger.begin_restore,
  ledger.finish_restore, ledger.expire_cold
to ledger_operator;
grant execute on function ledger.cold_positions to ledger_reader, ledger_auditor;
grant select on ledger.cold_ranges to ledger_reader, ledger_auditor;
grant select on ledger.cold_files, ledger.cold_drops to
  ledger_reader, ledger_auditor, ledger_operator;
grant select on ledger.partitions to ledger_reader;

-- Consumers: what they processed, and what they could not. Operators decide about dead messages
-- without reading them.
grant execute on function
  ledger.accept_event, ledger.fail_event, ledger.claim_failures, ledger.subscription_position,
  ledger.save_position, ledger.drop_subscription
to ledger_consumer;
grant execute on function
  ledger.requeue_failures, ledger.discard_failure, ledger.purge_inbox, ledger.drop_subscription
to ledger_operator;
grant select on ledger.inbox_failures to ledger_consumer;
grant select on ledger.inbox, ledger.inbox_status, ledger.subscription_cursors to
  ledger_consumer, ledger_operator, ledger_auditor;

-- Registrars and operators.
grant execute on function ledger.register_event_type to ledger_registrar;
grant execute on function ledger.doctor to ledger_operator, ledger_auditor;
grant execute on function ledger.ensure_partition to ledger_append;

-- Partitions and maintenance. Procedures commit, so they run as their caller, who needs their parts;
-- each part asks for the privilege itself.
grant execute on function
  ledger.ensure_partitions, ledger.ensure_partition, ledger.adopt_partitions,
  ledger.change_partition_interval, ledger.set_retention, ledger.maintenance_plan,
  ledger.maintenance_step, ledger.record_step, ledger.add_bounds, ledger.validate_bounds,
  ledger.prepare_archive, ledger.move_partition, ledger.relocate_partition
to ledger_operator;
grant execute on procedure
  ledger.set_partition_interval, ledger.archive_partition, ledger.restore_partition,
  ledger.maintain, ledger.run_step, ledger.run_steps
to ledger_operator;
grant execute on function ledger.tablespace_of, ledger.access_method_of to
  ledger_operator, ledger_auditor;
grant select on
  ledger.partitions, ledger.partition_settings, ledger.retention_policy, ledger.partition_status,
  ledger.maintenance_steps
to ledger_operator, ledger_auditor;

-- The installer was in the owning roles for this transaction only; a member of ledger_owner it
-- stays, to upgrade and administer.
do $$
begin
  if not (select r.rolsuper from pg_roles as r where r.rolname = current_user) then
    execute format('revoke ledger_append, ledger_guard, ledger_sandbox from %I', current_user);
  end if;
end
$$;

-- from sql/catalog/agent_platform.sql
-- Generated by scripts/render_catalog from sql/catalog/agent_platform/*.json.
-- Change those files, not this one.
do $catalog$
begin
  perform ledger.register_event_type(
    event_type => 'action.approved',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when someone lets an action go ahead; the approver is the event''s actor.',
    summary => 'Action {aggregate_id} was approved by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "action.approved",
  "description": "Emit when someone lets an action go ahead; the approver is the event's actor.",
  "x-event-type": "action.approved",
  "x-summary": "Action {aggregate_id} was approved by {actor_id}",
  "type": "object",
  "properties": {
    "old_status": {
      "type": "string",
      "enum": [
        "created",
        "awaiting_approval",
        "approved",
        "rejected",
        "started",
        "completed",
        "failed",
        "cancelled"
      ],
      "description": "Status of the action before this event."
    },
    "comment": {
      "type": "string",
      "description": "What the approver said."
    },
    "conditions": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "What the approval depends on."
    },
    "policy": {
      "type": "string",
      "minLength": 1,
      "description": "Rule that asked for the approval."
    }
  },
  "examples": [
    {
      "old_status": "awaiting_approval",
      "comment": "Fine at this price"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'action.awaiting_approval',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when an action stops until someone decides; pair it with action.approved or action.rejected.',
    summary => 'Action {aggregate_id} waits for approval',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "action.awaiting_approval",
  "description": "Emit when an action stops until someone decides; pair it with action.approved or action.rejected.",
  "x-event-type": "action.awaiting_approval",
  "x-summary": "Action {aggregate_id} waits for approval",
  "type": "object",
  "properties": {
    "old_status": {
      "type": "string",
      "enum": [
        "created",
        "awaiting_approval",
        "approved",
        "rejected",
        "started",
        "completed",
        "failed",
        "cancelled"
      ],
      "description": "Status of the action before this event."
    },
    "approvers": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "Who may decide: user ids, roles or groups."
    },
    "policy": {
      "type": "string",
      "minLength": 1,
      "description": "Rule that asks for the approval."
    },
    "reason": {
      "type": "string",
      "description": "Why approval is needed."
    },
    "expires_at": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When the request lapses (ISO 8601 with offset)."
    }
  },
  "examples": [
    {
      "old_status": "created",
      "approvers": [
        "role:sales_lead"
      ],
      "policy": "quotes_over_10k",
      "expires_at": "2026-11-21T12:00:00Z"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'action.cancelled',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when an action is called off before it completed.',
    summary => 'Action {aggregate_id} was cancelled by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "action.cancelled",
  "description": "Emit when an action is called off before it completed.",
  "x-event-type": "action.cancelled",
  "x-summary": "Action {aggregate_id} was cancelled by {actor_id}",
  "type": "object",
  "properties": {
    "old_status": {
      "type": "string",
      "enum": [
        "created",
        "awaiting_approval",
        "approved",
        "rejected",
        "started",
        "completed",
        "failed",
        "cancelled"
      ],
      "description": "Status of the action before this event."
    },
    "reason": {
      "type": "string",
      "description": "Why it was called off."
    }
  },
  "examples": [
    {
      "old_status": "approved",
      "reason": "Deal was archived"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'action.completed',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when an action has done what it was for; give proof where there is some.',
    summary => 'Action {aggregate_id} is completed',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "action.completed",
  "description": "Emit when an action has done what it was for; give proof where there is some.",
  "x-event-type": "action.completed",
  "x-summary": "Action {aggregate_id} is completed",
  "type": "object",
  "properties": {
    "old_status": {
      "type": "string",
      "enum": [
        "created",
        "awaiting_approval",
        "approved",
        "rejected",
        "started",
        "completed",
        "failed",
        "cancelled"
      ],
      "description": "Status of the action before this event."
    },
    "attempt": {
      "type": "integer",
      "minimum": 1,
      "description": "Which attempt succeeded, from 1."
    },
    "duration_ms": {
      "type": "number",
      "minimum": 0,
      "description": "Time from start to end, in milliseconds."
    },
    "result": {
      "description": "What came out, as the caller needs it later."
    }
  },
  "examples": [
    {
      "old_status": "started",
      "attempt": 1,
      "duration_ms": 840.5,
      "result": {
        "message_id": "<1@mail.example>"
      }
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'action.created',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when an agent or a person proposes an action; give action_id, and aggregate action/<action id>.',
    summary => 'Action {aggregate_id} ({payload.action_type}) was proposed by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "action.created",
  "description": "Emit when an agent or a person proposes an action; give action_id, and aggregate action/<action id>.",
  "x-event-type": "action.created",
  "x-summary": "Action {aggregate_id} ({payload.action_type}) was proposed by {actor_id}",
  "type": "object",
  "properties": {
    "action_type": {
      "type": "string",
      "minLength": 1,
      "description": "What kind of action, such as send_email or update_crm."
    },
    "title": {
      "type": "string",
      "minLength": 1,
      "description": "One line a person can decide on."
    },
    "parameters": {
      "type": "object",
      "description": "What the action will be carried out with."
    },
    "requires_approval": {
      "type": "boolean",
      "description": "Whether someone must approve it before it starts."
    },
    "risk": {
      "type": "string",
      "enum": [
        "low",
        "medium",
        "high"
      ],
      "description": "How much harm a wrong action does."
    },
    "expires_at": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When the proposal lapses (ISO 8601 with offset)."
    }
  },
  "required": [
    "action_type"
  ],
  "examples": [
    {
      "action_type": "send_email",
      "title": "Send the renewal quote to Acme",
      "parameters": {
        "template": "renewal_quote"
      },
      "requires_approval": true,
      "risk": "medium"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'action.failed',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when an attempt of an action ends without its effect.',
    summary => 'Action {aggregate_id} failed: {payload.error}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "action.failed",
  "description": "Emit when an attempt of an action ends without its effect.",
  "x-event-type": "action.failed",
  "x-summary": "Action {aggregate_id} failed: {payload.error}",
  "type": "object",
  "properties": {
    "old_status": {
      "type": "string",
      "enum": [
        "created",
        "awaiting_approval",
        "approved",
        "rejected",
        "started",
        "completed",
        "failed",
        "cancelled"
      ],
      "description": "Status of the action before this event."
    },
    "attempt": {
      "type": "integer",
      "minimum": 1,
      "description": "Which attempt failed, from 1."
    },
    "duration_ms": {
      "type": "number",
      "minimum": 0,
      "description": "Time from start to failure, in milliseconds."
    },
    "error": {
      "type": "string",
      "minLength": 1,
      "description": "What went wrong, for a person."
    },
    "error_code": {
      "type": "string",
      "minLength": 1,
      "description": "What went wrong, for a program."
    },
    "is_retryable": {
      "type": "boolean",
      "description": "Whether trying again may help."
    }
  },
  "required": [
    "error"
  ],
  "examples": [
    {
      "old_status": "started",
      "attempt": 1,
      "error": "Mailbox unavailable",
      "error_code": "smtp_450",
      "is_retryable": true
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'action.rejected',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when someone stops an action before it started; who rejected it is the event''s actor.',
    summary => 'Action {aggregate_id} was rejected by {actor_id}: {payload.reason}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "action.rejected",
  "description": "Emit when someone stops an action before it started; who rejected it is the event's actor.",
  "x-event-type": "action.rejected",
  "x-summary": "Action {aggregate_id} was rejected by {actor_id}: {payload.reason}",
  "type": "object",
  "properties": {
    "old_status": {
      "type": "string",
      "enum": [
        "created",
        "awaiting_approval",
        "approved",
        "rejected",
        "started",
        "completed",
        "failed",
        "cancelled"
      ],
      "description": "Status of the action before this event."
    },
    "reason": {
      "type": "string",
      "description": "Why it was rejected."
    },
    "policy": {
      "type": "string",
      "minLength": 1,
      "description": "Rule that asked for the approval."
    }
  },
  "required": [
    "reason"
  ],
  "examples": [
    {
      "old_status": "awaiting_approval",
      "reason": "Discount too high"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'action.retried',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a failed action is set to run again.',
    summary => 'Action {aggregate_id} is tried again, attempt {payload.new_attempt}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "action.retried",
  "description": "Emit when a failed action is set to run again.",
  "x-event-type": "action.retried",
  "x-summary": "Action {aggregate_id} is tried again, attempt {payload.new_attempt}",
  "type": "object",
  "properties": {
    "old_attempt": {
      "type": "integer",
      "minimum": 1,
      "description": "Attempt that failed, from 1."
    },
    "new_attempt": {
      "type": "integer",
      "minimum": 2,
      "description": "Attempt that follows."
    },
    "delay_ms": {
      "type": "number",
      "minimum": 0,
      "description": "How long it waits before it starts, in milliseconds."
    },
    "reason": {
      "type": "string",
      "description": "Why trying again should help."
    }
  },
  "examples": [
    {
      "old_attempt": 1,
      "new_attempt": 2,
      "delay_ms": 30000
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'action.started',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when the work of an action begins.',
    summary => 'Action {aggregate_id} began',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "action.started",
  "description": "Emit when the work of an action begins.",
  "x-event-type": "action.started",
  "x-summary": "Action {aggregate_id} began",
  "type": "object",
  "properties": {
    "old_status": {
      "type": "string",
      "enum": [
        "created",
        "awaiting_approval",
        "approved",
        "rejected",
        "started",
        "completed",
        "failed",
        "cancelled"
      ],
      "description": "Status of the action before this event."
    },
    "attempt": {
      "type": "integer",
      "minimum": 1,
      "description": "Which attempt this is, from 1."
    },
    "executor": {
      "type": "string",
      "minLength": 1,
      "description": "Service or worker that carries it out."
    }
  },
  "examples": [
    {
      "old_status": "approved",
      "attempt": 1,
      "executor": "mailer"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'deal.archived',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a deal leaves the pipeline for good; the stream stays readable.',
    summary => 'Deal {aggregate_id} was archived by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "deal.archived",
  "description": "Emit when a deal leaves the pipeline for good; the stream stays readable.",
  "x-event-type": "deal.archived",
  "x-summary": "Deal {aggregate_id} was archived by {actor_id}",
  "type": "object",
  "properties": {
    "old_stage": {
      "type": [
        "string",
        "null"
      ],
      "description": "Stage the deal was in."
    },
    "result": {
      "type": "string",
      "enum": [
        "won",
        "lost",
        "withdrawn",
        "duplicate",
        "expired"
      ],
      "description": "How the deal ended."
    },
    "reason": {
      "type": "string",
      "description": "Why it was archived."
    }
  },
  "examples": [
    {
      "old_stage": "negotiation",
      "result": "lost",
      "reason": "Chose a competitor"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'deal.created',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a deal enters the pipeline, with aggregate deal/<deal id>: its stream becomes the deal''s history.',
    summary => 'Deal {aggregate_id} was created: {payload.name}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "deal.created",
  "description": "Emit when a deal enters the pipeline, with aggregate deal/<deal id>: its stream becomes the deal's history.",
  "x-event-type": "deal.created",
  "x-summary": "Deal {aggregate_id} was created: {payload.name}",
  "type": "object",
  "properties": {
    "name": {
      "type": "string",
      "minLength": 1,
      "description": "What people call the deal."
    },
    "stage": {
      "type": "string",
      "minLength": 1,
      "description": "Stage the deal starts in."
    },
    "pipeline": {
      "type": "string",
      "minLength": 1,
      "description": "Pipeline the stages belong to."
    },
    "counterparty": {
      "type": "string",
      "minLength": 1,
      "description": "Company or person the deal is with."
    },
    "amount": {
      "type": "number",
      "minimum": 0,
      "description": "Expected value, in `currency`."
    },
    "currency": {
      "type": "string",
      "pattern": "^[A-Z]{3}$",
      "description": "ISO 4217 code of the currency."
    },
    "source": {
      "type": "string",
      "minLength": 1,
      "description": "Where the deal came from, such as email, web_form or import."
    },
    "owner_id": {
      "type": "string",
      "minLength": 1,
      "description": "Who is responsible for the deal."
    }
  },
  "required": [
    "name"
  ],
  "examples": [
    {
      "name": "Acme renewal 2027",
      "stage": "lead",
      "counterparty": "Acme GmbH",
      "amount": 12500.0,
      "currency": "EUR",
      "source": "email"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'deal.scored',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a person, a rule or a model gives a deal a score.',
    summary => 'Deal {aggregate_id} was scored {payload.new_score}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "deal.scored",
  "description": "Emit when a person, a rule or a model gives a deal a score.",
  "x-event-type": "deal.scored",
  "x-summary": "Deal {aggregate_id} was scored {payload.new_score}",
  "type": "object",
  "properties": {
    "old_score": {
      "type": [
        "number",
        "null"
      ],
      "description": "Score before; null if this is the first."
    },
    "new_score": {
      "type": "number",
      "description": "Score after."
    },
    "min_score": {
      "type": "number",
      "description": "Lowest score possible."
    },
    "max_score": {
      "type": "number",
      "description": "Highest score possible."
    },
    "model_name": {
      "type": "string",
      "minLength": 1,
      "description": "Model or rule set that scored."
    },
    "reasons": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "What the score rests on, most important first."
    }
  },
  "required": [
    "new_score"
  ],
  "examples": [
    {
      "old_score": null,
      "new_score": 0.82,
      "min_score": 0,
      "max_score": 1,
      "model_name": "deal-score-3",
      "reasons": [
        "budget",
        "timing"
      ]
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'deal.stage_changed',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a deal moves from one stage of its pipeline to another.',
    summary => 'Deal {aggregate_id} moved from {payload.old_stage} to {payload.new_stage}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "deal.stage_changed",
  "description": "Emit when a deal moves from one stage of its pipeline to another.",
  "x-event-type": "deal.stage_changed",
  "x-summary": "Deal {aggregate_id} moved from {payload.old_stage} to {payload.new_stage}",
  "type": "object",
  "properties": {
    "old_stage": {
      "type": [
        "string",
        "null"
      ],
      "description": "Stage before; null if the deal had none."
    },
    "new_stage": {
      "type": "string",
      "minLength": 1,
      "description": "Stage after."
    },
    "pipeline": {
      "type": "string",
      "minLength": 1,
      "description": "Pipeline the stages belong to."
    },
    "reason": {
      "type": "string",
      "description": "Why it moved."
    }
  },
  "required": [
    "old_stage",
    "new_stage"
  ],
  "examples": [
    {
      "old_stage": "lead",
      "new_stage": "qualified",
      "reason": "Budget confirmed"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'email.classified',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a rule or model says what an email is about.',
    summary => 'Email {payload.message_id} was classified as {payload.new_category}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "email.classified",
  "description": "Emit when a rule or model says what an email is about.",
  "x-event-type": "email.classified",
  "x-summary": "Email {payload.message_id} was classified as {payload.new_category}",
  "type": "object",
  "properties": {
    "message_id": {
      "type": "string",
      "minLength": 1,
      "description": "Message-ID header."
    },
    "old_category": {
      "type": [
        "string",
        "null"
      ],
      "description": "Category before; null if it had none."
    },
    "new_category": {
      "type": "string",
      "minLength": 1,
      "description": "Category after."
    },
    "confidence": {
      "type": "number",
      "minimum": 0,
      "maximum": 1,
      "description": "How sure the classifier is."
    },
    "labels": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "Further labels."
    },
    "model_name": {
      "type": "string",
      "minLength": 1,
      "description": "Model or rule set that classified."
    }
  },
  "required": [
    "message_id",
    "new_category"
  ],
  "examples": [
    {
      "message_id": "<42@mail.example>",
      "old_category": null,
      "new_category": "renewal_request",
      "confidence": 0.97,
      "model_name": "mail-router-2"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'email.ingested',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when an email was fetched and stored; addresses and subject are kept erasable.',
    summary => 'Email {payload.message_id} was ingested',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "email.ingested",
  "description": "Emit when an email was fetched and stored; addresses and subject are kept erasable.",
  "x-event-type": "email.ingested",
  "x-summary": "Email {payload.message_id} was ingested",
  "type": "object",
  "properties": {
    "message_id": {
      "type": "string",
      "minLength": 1,
      "description": "Message-ID header."
    },
    "thread_id": {
      "type": "string",
      "minLength": 1,
      "description": "Conversation it belongs to."
    },
    "mailbox": {
      "type": "string",
      "minLength": 1,
      "description": "Mailbox it came from."
    },
    "from_address": {
      "type": "string",
      "minLength": 1,
      "description": "Sender.",
      "x-private": true
    },
    "to_addresses": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "Recipients.",
      "x-private": true
    },
    "subject": {
      "type": "string",
      "description": "Subject line.",
      "x-private": true
    },
    "received_at": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When the mailbox received it (ISO 8601 with offset)."
    },
    "size_bytes": {
      "type": "integer",
      "minimum": 0,
      "description": "Size of the message in bytes."
    },
    "attachment_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Attachments it has."
    }
  },
  "required": [
    "message_id"
  ],
  "examples": [
    {
      "message_id": "<42@mail.example>",
      "mailbox": "sales",
      "from_address": "jo@acme.example",
      "to_addresses": [
        "sales@example.com"
      ],
      "subject": "Renewal",
      "received_at": "2026-11-20T09:15:00Z",
      "attachment_count": 1
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'email.processed',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when everything that an email calls for has been done.',
    summary => 'Email {payload.message_id} was processed: {payload.result}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "email.processed",
  "description": "Emit when everything that an email calls for has been done.",
  "x-event-type": "email.processed",
  "x-summary": "Email {payload.message_id} was processed: {payload.result}",
  "type": "object",
  "properties": {
    "message_id": {
      "type": "string",
      "minLength": 1,
      "description": "Message-ID header."
    },
    "result": {
      "type": "string",
      "enum": [
        "replied",
        "forwarded",
        "deal_created",
        "deal_updated",
        "archived",
        "ignored",
        "failed"
      ],
      "description": "What became of it."
    },
    "deal_ids": {
      "type": "array",
      "items": {
        "type": "string",
        "format": "uuid"
      },
      "description": "Deals it led to."
    },
    "duration_ms": {
      "type": "number",
      "minimum": 0,
      "description": "Time from ingestion, in milliseconds."
    },
    "error": {
      "type": "string",
      "minLength": 1,
      "description": "What went wrong, if it failed."
    }
  },
  "required": [
    "message_id",
    "result"
  ],
  "examples": [
    {
      "message_id": "<42@mail.example>",
      "result": "deal_updated",
      "deal_ids": [
        "7f6c2f6e-3c0e-4b53-9d8b-2f6f1b1f5a11"
      ],
      "duration_ms": 2150
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'run.completed',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emitted by ledger.finish_run() when a run reached its end.',
    summary => 'Run {run_id} is completed',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "run.completed",
  "description": "Emitted by ledger.finish_run() when a run reached its end.",
  "x-event-type": "run.completed",
  "x-summary": "Run {run_id} is completed",
  "type": "object",
  "properties": {
    "result": {
      "description": "What the run achieved."
    },
    "duration_ms": {
      "type": "number",
      "minimum": 0,
      "description": "Time from start to end, in milliseconds."
    },
    "steps": {
      "type": "integer",
      "minimum": 0,
      "description": "Steps the run took."
    },
    "input_tokens": {
      "type": "integer",
      "minimum": 0,
      "description": "Tokens given to models in the whole run."
    },
    "output_tokens": {
      "type": "integer",
      "minimum": 0,
      "description": "Tokens that models produced in the whole run."
    },
    "cost": {
      "type": "number",
      "minimum": 0,
      "description": "What the run cost, in `currency`."
    },
    "currency": {
      "type": "string",
      "pattern": "^[A-Z]{3}$",
      "description": "ISO 4217 code of the currency."
    }
  },
  "examples": [
    {
      "result": "Quote sent",
      "duration_ms": 48210,
      "steps": 5,
      "input_tokens": 8120,
      "output_tokens": 640,
      "cost": 0.031,
      "currency": "USD"
    },
    {}
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'run.failed',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emitted by ledger.finish_run(outcome => ''failure'') when a run ended without its result.',
    summary => 'Run {run_id} failed: {payload.error}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "run.failed",
  "description": "Emitted by ledger.finish_run(outcome => 'failure') when a run ended without its result.",
  "x-event-type": "run.failed",
  "x-summary": "Run {run_id} failed: {payload.error}",
  "type": "object",
  "properties": {
    "error": {
      "type": "string",
      "minLength": 1,
      "description": "What went wrong, for a person."
    },
    "error_code": {
      "type": "string",
      "minLength": 1,
      "description": "What went wrong, for a program."
    },
    "duration_ms": {
      "type": "number",
      "minimum": 0,
      "description": "Time from start to end, in milliseconds."
    },
    "steps": {
      "type": "integer",
      "minimum": 0,
      "description": "Steps the run took."
    },
    "input_tokens": {
      "type": "integer",
      "minimum": 0,
      "description": "Tokens given to models in the whole run."
    },
    "output_tokens": {
      "type": "integer",
      "minimum": 0,
      "description": "Tokens that models produced in the whole run."
    },
    "cost": {
      "type": "number",
      "minimum": 0,
      "description": "What the run cost, in `currency`."
    },
    "currency": {
      "type": "string",
      "pattern": "^[A-Z]{3}$",
      "description": "ISO 4217 code of the currency."
    }
  },
  "examples": [
    {
      "error": "Tool crm_search timed out",
      "error_code": "tool_timeout",
      "steps": 2
    },
    {}
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'run.paused',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a run stops to wait; run.resumed ends the wait.',
    summary => 'Run {run_id} paused',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "run.paused",
  "description": "Emit when a run stops to wait; run.resumed ends the wait.",
  "x-event-type": "run.paused",
  "x-summary": "Run {run_id} paused",
  "type": "object",
  "properties": {
    "reason": {
      "type": "string",
      "description": "What it waits for, such as approval, rate_limit or input."
    },
    "resume_after": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When it goes on by itself (ISO 8601 with offset)."
    },
    "step": {
      "type": "integer",
      "minimum": 1,
      "description": "Step it stopped at, from 1."
    }
  },
  "examples": [
    {
      "reason": "approval",
      "step": 3
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'run.resumed',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a paused run goes on.',
    summary => 'Run {run_id} went on',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "run.resumed",
  "description": "Emit when a paused run goes on.",
  "x-event-type": "run.resumed",
  "x-summary": "Run {run_id} went on",
  "type": "object",
  "properties": {
    "reason": {
      "type": "string",
      "description": "What ended the wait."
    },
    "paused_ms": {
      "type": "number",
      "minimum": 0,
      "description": "How long it waited, in milliseconds."
    },
    "step": {
      "type": "integer",
      "minimum": 1,
      "description": "Step it goes on with, from 1."
    }
  },
  "examples": [
    {
      "reason": "approved",
      "paused_ms": 5400000,
      "step": 3
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'run.started',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emitted by ledger.start_run() when an agent''s run begins.',
    summary => 'Run {run_id} of {payload.agent_name} began',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "run.started",
  "description": "Emitted by ledger.start_run() when an agent's run begins.",
  "x-event-type": "run.started",
  "x-summary": "Run {run_id} of {payload.agent_name} began",
  "type": "object",
  "properties": {
    "goal": {
      "type": "string",
      "description": "What the run is to achieve."
    },
    "agent_name": {
      "type": "string",
      "minLength": 1,
      "description": "Agent that runs; agent_runs has it too."
    },
    "agent_version": {
      "type": "string",
      "minLength": 1,
      "description": "Version of the agent's code or prompt."
    },
    "trigger": {
      "type": "string",
      "minLength": 1,
      "description": "What set it off, such as schedule, email or user."
    },
    "input": {
      "description": "What the run was given."
    }
  },
  "examples": [
    {
      "goal": "Answer the renewal request",
      "agent_version": "2.4.0",
      "trigger": "email"
    },
    {}
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'run.tool_called',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit before an agent''s run calls a tool; run.tool_completed with the same call_id follows.',
    summary => 'Tool {payload.tool_name} was called by run {run_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "run.tool_called",
  "description": "Emit before an agent's run calls a tool; run.tool_completed with the same call_id follows.",
  "x-event-type": "run.tool_called",
  "x-summary": "Tool {payload.tool_name} was called by run {run_id}",
  "type": "object",
  "properties": {
    "tool_name": {
      "type": "string",
      "minLength": 1,
      "description": "Which tool."
    },
    "call_id": {
      "type": "string",
      "minLength": 1,
      "description": "The call's id, as the model or framework gave it."
    },
    "arguments": {
      "type": "object",
      "description": "What the tool was called with."
    },
    "step": {
      "type": "integer",
      "minimum": 1,
      "description": "Which step of the run, from 1."
    }
  },
  "required": [
    "tool_name"
  ],
  "examples": [
    {
      "tool_name": "crm_search",
      "call_id": "call_7",
      "arguments": {
        "query": "Acme"
      },
      "step": 1
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'run.tool_completed',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a tool returned or failed; the event''s outcome says which.',
    summary => 'Tool {payload.tool_name} returned to run {run_id}: {outcome}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "run.tool_completed",
  "description": "Emit when a tool returned or failed; the event's outcome says which.",
  "x-event-type": "run.tool_completed",
  "x-summary": "Tool {payload.tool_name} returned to run {run_id}: {outcome}",
  "type": "object",
  "properties": {
    "tool_name": {
      "type": "string",
      "minLength": 1,
      "description": "Which tool."
    },
    "call_id": {
      "type": "string",
      "minLength": 1,
      "description": "The call's id, as in run.tool_called."
    },
    "duration_ms": {
      "type": "number",
      "minimum": 0,
      "description": "Time the tool took, in milliseconds."
    },
    "result": {
      "description": "What the tool returned, or the part worth keeping."
    },
    "error": {
      "type": "string",
      "minLength": 1,
      "description": "What went wrong, if it failed."
    },
    "step": {
      "type": "integer",
      "minimum": 1,
      "description": "Which step of the run, from 1."
    }
  },
  "required": [
    "tool_name"
  ],
  "examples": [
    {
      "tool_name": "crm_search",
      "call_id": "call_7",
      "duration_ms": 132.4,
      "result": {
        "matches": 1
      },
      "step": 1
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'worker.job_completed',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a job is done.',
    summary => 'Job {payload.job_id} is done',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "worker.job_completed",
  "description": "Emit when a job is done.",
  "x-event-type": "worker.job_completed",
  "x-summary": "Job {payload.job_id} is done",
  "type": "object",
  "properties": {
    "job_id": {
      "type": "string",
      "minLength": 1,
      "description": "The job's id in its queue."
    },
    "queue": {
      "type": "string",
      "minLength": 1,
      "description": "Queue the job is in."
    },
    "job_type": {
      "type": "string",
      "minLength": 1,
      "description": "What kind of job."
    },
    "attempt": {
      "type": "integer",
      "minimum": 1,
      "description": "Which attempt succeeded, from 1."
    },
    "duration_ms": {
      "type": "number",
      "minimum": 0,
      "description": "Time the attempt took, in milliseconds."
    },
    "result": {
      "description": "What came out."
    }
  },
  "required": [
    "job_id"
  ],
  "examples": [
    {
      "job_id": "8812",
      "queue": "mail",
      "attempt": 2,
      "duration_ms": 640
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'worker.job_failed',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a job failed and will not be tried again.',
    summary => 'Job {payload.job_id} failed: {payload.error}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "worker.job_failed",
  "description": "Emit when a job failed and will not be tried again.",
  "x-event-type": "worker.job_failed",
  "x-summary": "Job {payload.job_id} failed: {payload.error}",
  "type": "object",
  "properties": {
    "job_id": {
      "type": "string",
      "minLength": 1,
      "description": "The job's id in its queue."
    },
    "queue": {
      "type": "string",
      "minLength": 1,
      "description": "Queue the job is in."
    },
    "job_type": {
      "type": "string",
      "minLength": 1,
      "description": "What kind of job."
    },
    "attempt": {
      "type": "integer",
      "minimum": 1,
      "description": "Which attempt failed last, from 1."
    },
    "duration_ms": {
      "type": "number",
      "minimum": 0,
      "description": "Time the attempt took, in milliseconds."
    },
    "error": {
      "type": "string",
      "minLength": 1,
      "description": "What went wrong, for a person."
    },
    "error_code": {
      "type": "string",
      "minLength": 1,
      "description": "What went wrong, for a program."
    }
  },
  "required": [
    "job_id",
    "error"
  ],
  "examples": [
    {
      "job_id": "8812",
      "queue": "mail",
      "attempt": 5,
      "error": "Recipient does not exist",
      "error_code": "smtp_550"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'worker.job_queued',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a background job is put into a queue.',
    summary => 'Job {payload.job_id} was queued',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "worker.job_queued",
  "description": "Emit when a background job is put into a queue.",
  "x-event-type": "worker.job_queued",
  "x-summary": "Job {payload.job_id} was queued",
  "type": "object",
  "properties": {
    "job_id": {
      "type": "string",
      "minLength": 1,
      "description": "The job's id in its queue."
    },
    "queue": {
      "type": "string",
      "minLength": 1,
      "description": "Queue the job is in."
    },
    "job_type": {
      "type": "string",
      "minLength": 1,
      "description": "What kind of job."
    },
    "arguments": {
      "type": "object",
      "description": "What the job was queued with."
    },
    "priority": {
      "type": "integer",
      "description": "Priority, as the queue counts it."
    },
    "run_after": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When it may start (ISO 8601 with offset)."
    }
  },
  "required": [
    "job_id"
  ],
  "examples": [
    {
      "job_id": "8812",
      "queue": "mail",
      "job_type": "send_quote",
      "priority": 10
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'worker.job_retrying',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a job failed and will be tried again.',
    summary => 'Job {payload.job_id} is tried again, attempt {payload.new_attempt}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "worker.job_retrying",
  "description": "Emit when a job failed and will be tried again.",
  "x-event-type": "worker.job_retrying",
  "x-summary": "Job {payload.job_id} is tried again, attempt {payload.new_attempt}",
  "type": "object",
  "properties": {
    "job_id": {
      "type": "string",
      "minLength": 1,
      "description": "The job's id in its queue."
    },
    "queue": {
      "type": "string",
      "minLength": 1,
      "description": "Queue the job is in."
    },
    "job_type": {
      "type": "string",
      "minLength": 1,
      "description": "What kind of job."
    },
    "old_attempt": {
      "type": "integer",
      "minimum": 1,
      "description": "Attempt that failed, from 1."
    },
    "new_attempt": {
      "type": "integer",
      "minimum": 2,
      "description": "Attempt that follows."
    },
    "delay_ms": {
      "type": "number",
      "minimum": 0,
      "description": "How long it waits, in milliseconds."
    },
    "error": {
      "type": "string",
      "minLength": 1,
      "description": "What went wrong."
    }
  },
  "required": [
    "job_id"
  ],
  "examples": [
    {
      "job_id": "8812",
      "queue": "mail",
      "old_attempt": 1,
      "new_attempt": 2,
      "delay_ms": 30000,
      "error": "connection reset"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'worker.job_started',
    schema_version => 1,
    catalog => 'agent_platform',
    publish => true,
    description => 'Emit when a worker takes a job.',
    summary => 'Job {payload.job_id} began',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "worker.job_started",
  "description": "Emit when a worker takes a job.",
  "x-event-type": "worker.job_started",
  "x-summary": "Job {payload.job_id} began",
  "type": "object",
  "properties": {
    "job_id": {
      "type": "string",
      "minLength": 1,
      "description": "The job's id in its queue."
    },
    "queue": {
      "type": "string",
      "minLength": 1,
      "description": "Queue the job is in."
    },
    "job_type": {
      "type": "string",
      "minLength": 1,
      "description": "What kind of job."
    },
    "attempt": {
      "type": "integer",
      "minimum": 1,
      "description": "Which attempt this is, from 1."
    },
    "worker_id": {
      "type": "string",
      "minLength": 1,
      "description": "Worker that took it."
    },
    "waited_ms": {
      "type": "number",
      "minimum": 0,
      "description": "Time in the queue, in milliseconds."
    }
  },
  "required": [
    "job_id"
  ],
  "examples": [
    {
      "job_id": "8812",
      "queue": "mail",
      "attempt": 1,
      "worker_id": "worker-3",
      "waited_ms": 210
    }
  ]
}
$json$
  );
end
$catalog$;

-- from sql/catalog/audit.sql
-- Generated by scripts/render_catalog from sql/catalog/audit/*.json.
-- Change those files, not this one.
do $catalog$
begin
  perform ledger.register_event_type(
    event_type => 'auth.login',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a user signs in, with aggregate user/<id> and the user as actor.',
    summary => 'User {actor_id} signed in',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "auth.login",
  "description": "Emit when a user signs in, with aggregate user/<id> and the user as actor.",
  "x-event-type": "auth.login",
  "x-summary": "User {actor_id} signed in",
  "type": "object",
  "properties": {
    "method": {
      "type": "string",
      "enum": [
        "password",
        "passkey",
        "one_time_code",
        "sso",
        "magic_link",
        "certificate",
        "other"
      ],
      "description": "How the user proved who they are."
    },
    "is_multi_factor": {
      "type": "boolean",
      "description": "Whether a second factor was checked."
    },
    "ip_address": {
      "type": "string",
      "minLength": 1,
      "description": "Address of the client.",
      "x-private": true
    },
    "user_agent": {
      "type": "string",
      "description": "Software of the client."
    },
    "session_id": {
      "type": "string",
      "minLength": 1,
      "description": "The session's public id, never its cookie."
    }
  },
  "examples": [
    {
      "method": "sso",
      "is_multi_factor": true,
      "ip_address": "192.0.2.10",
      "session_id": "s-1"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'auth.login_failed',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when someone could not sign in; never put what they typed into the payload.',
    summary => 'A sign-in as user {aggregate_id} failed: {payload.reason}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "auth.login_failed",
  "description": "Emit when someone could not sign in; never put what they typed into the payload.",
  "x-event-type": "auth.login_failed",
  "x-summary": "A sign-in as user {aggregate_id} failed: {payload.reason}",
  "type": "object",
  "properties": {
    "method": {
      "type": "string",
      "enum": [
        "password",
        "passkey",
        "one_time_code",
        "sso",
        "magic_link",
        "certificate",
        "other"
      ],
      "description": "How the user proved who they are."
    },
    "login_name": {
      "type": "string",
      "minLength": 1,
      "description": "Account that was tried.",
      "x-private": true
    },
    "reason": {
      "type": "string",
      "enum": [
        "unknown_user",
        "wrong_credentials",
        "second_factor",
        "locked",
        "suspended",
        "expired",
        "other"
      ],
      "description": "Why it failed."
    },
    "failed_attempts": {
      "type": "integer",
      "minimum": 1,
      "description": "Failures in a row, with this one."
    },
    "ip_address": {
      "type": "string",
      "minLength": 1,
      "description": "Address of the client.",
      "x-private": true
    },
    "user_agent": {
      "type": "string",
      "description": "Software of the client."
    },
    "session_id": {
      "type": "string",
      "minLength": 1,
      "description": "The session's public id, never its cookie."
    }
  },
  "required": [
    "reason"
  ],
  "examples": [
    {
      "method": "password",
      "login_name": "jo",
      "reason": "wrong_credentials",
      "failed_attempts": 3,
      "ip_address": "192.0.2.10"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'auth.logout',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a session ends.',
    summary => 'A session of user {aggregate_id} ended',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "auth.logout",
  "description": "Emit when a session ends.",
  "x-event-type": "auth.logout",
  "x-summary": "A session of user {aggregate_id} ended",
  "type": "object",
  "properties": {
    "reason": {
      "type": "string",
      "enum": [
        "user",
        "timeout",
        "revoked",
        "password_changed",
        "other"
      ],
      "description": "What ended it."
    },
    "ip_address": {
      "type": "string",
      "minLength": 1,
      "description": "Address of the client.",
      "x-private": true
    },
    "user_agent": {
      "type": "string",
      "description": "Software of the client."
    },
    "session_id": {
      "type": "string",
      "minLength": 1,
      "description": "The session's public id, never its cookie."
    }
  },
  "examples": [
    {
      "reason": "timeout",
      "session_id": "s-1"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'auth.multi_factor_changed',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a second factor is added to an account or removed from it.',
    summary => 'The second factors of user {aggregate_id} were changed by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "auth.multi_factor_changed",
  "description": "Emit when a second factor is added to an account or removed from it.",
  "x-event-type": "auth.multi_factor_changed",
  "x-summary": "The second factors of user {aggregate_id} were changed by {actor_id}",
  "type": "object",
  "properties": {
    "old_methods": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "Second factors before."
    },
    "new_methods": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "Second factors after."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "old_methods",
    "new_methods"
  ],
  "examples": [
    {
      "old_methods": [],
      "new_methods": [
        "passkey"
      ]
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'auth.password_changed',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a password changes; never put the password into the payload.',
    summary => 'The password of user {aggregate_id} was changed by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "auth.password_changed",
  "description": "Emit when a password changes; never put the password into the payload.",
  "x-event-type": "auth.password_changed",
  "x-summary": "The password of user {aggregate_id} was changed by {actor_id}",
  "type": "object",
  "properties": {
    "reason": {
      "type": "string",
      "enum": [
        "user",
        "reset",
        "forced",
        "expired"
      ],
      "description": "Why it changed."
    },
    "sessions_ended": {
      "type": "integer",
      "minimum": 0,
      "description": "Sessions that were ended by it."
    },
    "ip_address": {
      "type": "string",
      "minLength": 1,
      "description": "Address of the client.",
      "x-private": true
    },
    "user_agent": {
      "type": "string",
      "description": "Software of the client."
    },
    "session_id": {
      "type": "string",
      "minLength": 1,
      "description": "The session's public id, never its cookie."
    }
  },
  "examples": [
    {
      "reason": "reset",
      "sessions_ended": 2
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'auth.session_revoked',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when somebody else ends a user''s session.',
    summary => 'Session {payload.session_id} was ended by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "auth.session_revoked",
  "description": "Emit when somebody else ends a user's session.",
  "x-event-type": "auth.session_revoked",
  "x-summary": "Session {payload.session_id} was ended by {actor_id}",
  "type": "object",
  "properties": {
    "session_id": {
      "type": "string",
      "minLength": 1,
      "description": "The session's public id."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "session_id"
  ],
  "examples": [
    {
      "session_id": "s-1",
      "reason": "Lost laptop"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'content.approve',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a reviewer accepts content; the reviewer is the event''s actor.',
    summary => '{aggregate_type}/{aggregate_id} was approved by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "content.approve",
  "description": "Emit when a reviewer accepts content; the reviewer is the event's actor.",
  "x-event-type": "content.approve",
  "x-summary": "{aggregate_type}/{aggregate_id} was approved by {actor_id}",
  "type": "object",
  "properties": {
    "title": {
      "type": "string",
      "description": "Title, as a reader of the trail will know it by."
    },
    "old_status": {
      "type": [
        "string",
        "null"
      ],
      "description": "Status before; null if it had none."
    },
    "new_status": {
      "type": "string",
      "minLength": 1,
      "description": "Status after."
    },
    "comment": {
      "type": "string",
      "description": "What the reviewer said."
    }
  },
  "required": [
    "old_status",
    "new_status"
  ],
  "examples": [
    {
      "title": "Autumn release",
      "old_status": "in_review",
      "new_status": "approved"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'content.create',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a piece of content is made, with the content as aggregate, such as post/<id>.',
    summary => '{aggregate_type}/{aggregate_id} was created by {actor_id}: {payload.title}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "content.create",
  "description": "Emit when a piece of content is made, with the content as aggregate, such as post/<id>.",
  "x-event-type": "content.create",
  "x-summary": "{aggregate_type}/{aggregate_id} was created by {actor_id}: {payload.title}",
  "type": "object",
  "properties": {
    "title": {
      "type": "string",
      "description": "Title, as a reader of the trail will know it by."
    },
    "status": {
      "type": "string",
      "minLength": 1,
      "description": "Status it starts with."
    },
    "locale": {
      "type": "string",
      "minLength": 1,
      "description": "Language, as a BCP 47 tag."
    },
    "new_values": {
      "type": "object",
      "description": "The fields it was made with."
    }
  },
  "required": [
    "title"
  ],
  "examples": [
    {
      "title": "Autumn release",
      "status": "draft",
      "locale": "en"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'content.delete',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a piece of content is removed.',
    summary => '{aggregate_type}/{aggregate_id} was deleted by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "content.delete",
  "description": "Emit when a piece of content is removed.",
  "x-event-type": "content.delete",
  "x-summary": "{aggregate_type}/{aggregate_id} was deleted by {actor_id}",
  "type": "object",
  "properties": {
    "title": {
      "type": "string",
      "description": "Title, as a reader of the trail will know it by."
    },
    "old_status": {
      "type": [
        "string",
        "null"
      ],
      "description": "Status it had."
    },
    "old_values": {
      "type": "object",
      "description": "The fields it had, as far as they are worth keeping."
    },
    "is_recoverable": {
      "type": "boolean",
      "description": "Whether it can be restored."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "examples": [
    {
      "title": "Autumn release",
      "old_status": "draft",
      "is_recoverable": true
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'content.publish',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when content becomes visible to its audience.',
    summary => '{aggregate_type}/{aggregate_id} was published by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "content.publish",
  "description": "Emit when content becomes visible to its audience.",
  "x-event-type": "content.publish",
  "x-summary": "{aggregate_type}/{aggregate_id} was published by {actor_id}",
  "type": "object",
  "properties": {
    "title": {
      "type": "string",
      "description": "Title, as a reader of the trail will know it by."
    },
    "old_status": {
      "type": [
        "string",
        "null"
      ],
      "description": "Status before; null if it had none."
    },
    "new_status": {
      "type": "string",
      "minLength": 1,
      "description": "Status after."
    },
    "version": {
      "type": "integer",
      "minimum": 1,
      "description": "Version that was published, from 1."
    },
    "url": {
      "type": "string",
      "minLength": 1,
      "format": "uri",
      "description": "Where it is visible."
    },
    "channel": {
      "type": "string",
      "minLength": 1,
      "description": "Where it was published to."
    }
  },
  "required": [
    "old_status",
    "new_status"
  ],
  "examples": [
    {
      "title": "Autumn release",
      "old_status": "scheduled",
      "new_status": "published",
      "version": 4,
      "url": "https://example.com/autumn-release"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'content.reject',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a reviewer sends content back; the reviewer is the event''s actor.',
    summary => '{aggregate_type}/{aggregate_id} was rejected by {actor_id}: {payload.reason}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "content.reject",
  "description": "Emit when a reviewer sends content back; the reviewer is the event's actor.",
  "x-event-type": "content.reject",
  "x-summary": "{aggregate_type}/{aggregate_id} was rejected by {actor_id}: {payload.reason}",
  "type": "object",
  "properties": {
    "title": {
      "type": "string",
      "description": "Title, as a reader of the trail will know it by."
    },
    "old_status": {
      "type": [
        "string",
        "null"
      ],
      "description": "Status before; null if it had none."
    },
    "new_status": {
      "type": "string",
      "minLength": 1,
      "description": "Status after."
    },
    "reason": {
      "type": "string",
      "minLength": 1,
      "description": "What has to change."
    }
  },
  "required": [
    "old_status",
    "new_status",
    "reason"
  ],
  "examples": [
    {
      "title": "Autumn release",
      "old_status": "in_review",
      "new_status": "draft",
      "reason": "Screenshots are missing"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'content.restore',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when deleted content, or an older version of it, is brought back.',
    summary => '{aggregate_type}/{aggregate_id} was restored by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "content.restore",
  "description": "Emit when deleted content, or an older version of it, is brought back.",
  "x-event-type": "content.restore",
  "x-summary": "{aggregate_type}/{aggregate_id} was restored by {actor_id}",
  "type": "object",
  "properties": {
    "title": {
      "type": "string",
      "description": "Title, as a reader of the trail will know it by."
    },
    "old_status": {
      "type": [
        "string",
        "null"
      ],
      "description": "Status before; null if it had none."
    },
    "new_status": {
      "type": "string",
      "minLength": 1,
      "description": "Status after."
    },
    "restored_version": {
      "type": "integer",
      "minimum": 1,
      "description": "Version that is current again."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "old_status",
    "new_status"
  ],
  "examples": [
    {
      "title": "Autumn release",
      "old_status": "deleted",
      "new_status": "draft"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'content.schedule',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when content is set to be published later.',
    summary => '{aggregate_type}/{aggregate_id} was scheduled for {payload.new_publish_at}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "content.schedule",
  "description": "Emit when content is set to be published later.",
  "x-event-type": "content.schedule",
  "x-summary": "{aggregate_type}/{aggregate_id} was scheduled for {payload.new_publish_at}",
  "type": "object",
  "properties": {
    "title": {
      "type": "string",
      "description": "Title, as a reader of the trail will know it by."
    },
    "old_status": {
      "type": [
        "string",
        "null"
      ],
      "description": "Status before; null if it had none."
    },
    "new_status": {
      "type": "string",
      "minLength": 1,
      "description": "Status after."
    },
    "old_publish_at": {
      "type": [
        "string",
        "null"
      ],
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "Time it was scheduled for before, if it was (ISO 8601 with offset)."
    },
    "new_publish_at": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When it will be published (ISO 8601 with offset)."
    }
  },
  "required": [
    "old_status",
    "new_status",
    "new_publish_at"
  ],
  "examples": [
    {
      "title": "Autumn release",
      "old_status": "approved",
      "new_status": "scheduled",
      "old_publish_at": null,
      "new_publish_at": "2026-12-01T08:00:00Z"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'content.submit',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when content is handed in for review; content.approve or content.reject follows.',
    summary => '{aggregate_type}/{aggregate_id} was submitted by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "content.submit",
  "description": "Emit when content is handed in for review; content.approve or content.reject follows.",
  "x-event-type": "content.submit",
  "x-summary": "{aggregate_type}/{aggregate_id} was submitted by {actor_id}",
  "type": "object",
  "properties": {
    "title": {
      "type": "string",
      "description": "Title, as a reader of the trail will know it by."
    },
    "old_status": {
      "type": [
        "string",
        "null"
      ],
      "description": "Status before; null if it had none."
    },
    "new_status": {
      "type": "string",
      "minLength": 1,
      "description": "Status after."
    },
    "reviewers": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "Who is to review."
    }
  },
  "required": [
    "old_status",
    "new_status"
  ],
  "examples": [
    {
      "title": "Autumn release",
      "old_status": "draft",
      "new_status": "in_review",
      "reviewers": [
        "editor-2"
      ]
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'content.unpublish',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when published content is taken offline.',
    summary => '{aggregate_type}/{aggregate_id} was unpublished by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "content.unpublish",
  "description": "Emit when published content is taken offline.",
  "x-event-type": "content.unpublish",
  "x-summary": "{aggregate_type}/{aggregate_id} was unpublished by {actor_id}",
  "type": "object",
  "properties": {
    "title": {
      "type": "string",
      "description": "Title, as a reader of the trail will know it by."
    },
    "old_status": {
      "type": [
        "string",
        "null"
      ],
      "description": "Status before; null if it had none."
    },
    "new_status": {
      "type": "string",
      "minLength": 1,
      "description": "Status after."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "old_status",
    "new_status"
  ],
  "examples": [
    {
      "title": "Autumn release",
      "old_status": "published",
      "new_status": "archived",
      "reason": "Superseded"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'content.update',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when fields of a piece of content change; give the changed fields only.',
    summary => '{aggregate_type}/{aggregate_id} was changed by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "content.update",
  "description": "Emit when fields of a piece of content change; give the changed fields only.",
  "x-event-type": "content.update",
  "x-summary": "{aggregate_type}/{aggregate_id} was changed by {actor_id}",
  "type": "object",
  "properties": {
    "title": {
      "type": "string",
      "description": "Title, as a reader of the trail will know it by."
    },
    "old_values": {
      "type": "object",
      "description": "The changed fields as they were."
    },
    "new_values": {
      "type": "object",
      "description": "The changed fields as they are now."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "old_values",
    "new_values"
  ],
  "examples": [
    {
      "title": "Autumn release",
      "old_values": {
        "slug": "autumn"
      },
      "new_values": {
        "slug": "autumn-release"
      }
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'credential.create',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when an API key or other machine credential is made; give its id, never its value.',
    summary => 'Credential {payload.credential_id} was created by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "credential.create",
  "description": "Emit when an API key or other machine credential is made; give its id, never its value.",
  "x-event-type": "credential.create",
  "x-summary": "Credential {payload.credential_id} was created by {actor_id}",
  "type": "object",
  "properties": {
    "credential_id": {
      "type": "string",
      "minLength": 1,
      "description": "Public id or prefix."
    },
    "name": {
      "type": "string",
      "minLength": 1,
      "description": "What it is called."
    },
    "scopes": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "What it may be used for."
    },
    "expires_at": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When it lapses (ISO 8601 with offset)."
    }
  },
  "required": [
    "credential_id"
  ],
  "examples": [
    {
      "credential_id": "ak_7f3",
      "name": "nightly export",
      "scopes": [
        "export:read"
      ],
      "expires_at": "2027-11-20T00:00:00Z"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'credential.revoke',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a machine credential stops being accepted.',
    summary => 'Credential {payload.credential_id} was revoked by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "credential.revoke",
  "description": "Emit when a machine credential stops being accepted.",
  "x-event-type": "credential.revoke",
  "x-summary": "Credential {payload.credential_id} was revoked by {actor_id}",
  "type": "object",
  "properties": {
    "credential_id": {
      "type": "string",
      "minLength": 1,
      "description": "Public id or prefix."
    },
    "name": {
      "type": "string",
      "minLength": 1,
      "description": "What it is called."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "credential_id"
  ],
  "examples": [
    {
      "credential_id": "ak_7f3",
      "reason": "Rotated"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'export.create',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when data leaves the system as a file or a feed.',
    summary => '{payload.export_type} was exported by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "export.create",
  "description": "Emit when data leaves the system as a file or a feed.",
  "x-event-type": "export.create",
  "x-summary": "{payload.export_type} was exported by {actor_id}",
  "type": "object",
  "properties": {
    "export_type": {
      "type": "string",
      "minLength": 1,
      "description": "What was exported."
    },
    "format": {
      "type": "string",
      "minLength": 1,
      "description": "File format, such as csv or json."
    },
    "row_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Rows exported."
    },
    "size_bytes": {
      "type": "integer",
      "minimum": 0,
      "description": "Size in bytes."
    },
    "filters": {
      "type": "object",
      "description": "What was selected."
    },
    "destination": {
      "type": "string",
      "minLength": 1,
      "description": "Where it went."
    },
    "includes_personal_data": {
      "type": "boolean",
      "description": "Whether personal data is in it."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "export_type"
  ],
  "examples": [
    {
      "export_type": "subscribers",
      "format": "csv",
      "row_count": 1204,
      "filters": {
        "status": "active"
      },
      "includes_personal_data": true
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'file.delete',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a file is removed.',
    summary => 'File {payload.file_name} was deleted by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "file.delete",
  "description": "Emit when a file is removed.",
  "x-event-type": "file.delete",
  "x-summary": "File {payload.file_name} was deleted by {actor_id}",
  "type": "object",
  "properties": {
    "file_name": {
      "type": "string",
      "minLength": 1,
      "description": "Name of the file."
    },
    "media_type": {
      "type": "string",
      "minLength": 1,
      "description": "IANA media type."
    },
    "size_bytes": {
      "type": "integer",
      "minimum": 0,
      "description": "Size in bytes."
    },
    "sha256": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "Digest of the content (SHA-256, 64 hex digits)."
    },
    "is_recoverable": {
      "type": "boolean",
      "description": "Whether it can be restored."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "file_name"
  ],
  "examples": [
    {
      "file_name": "contract.pdf",
      "is_recoverable": false
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'file.download',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when somebody fetches a file that is worth watching.',
    summary => 'File {payload.file_name} was downloaded by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "file.download",
  "description": "Emit when somebody fetches a file that is worth watching.",
  "x-event-type": "file.download",
  "x-summary": "File {payload.file_name} was downloaded by {actor_id}",
  "type": "object",
  "properties": {
    "file_name": {
      "type": "string",
      "minLength": 1,
      "description": "Name of the file."
    },
    "media_type": {
      "type": "string",
      "minLength": 1,
      "description": "IANA media type."
    },
    "size_bytes": {
      "type": "integer",
      "minimum": 0,
      "description": "Size in bytes."
    },
    "sha256": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "Digest of the content (SHA-256, 64 hex digits)."
    },
    "purpose": {
      "type": "string",
      "description": "What it was fetched for."
    }
  },
  "required": [
    "file_name"
  ],
  "examples": [
    {
      "file_name": "contract.pdf",
      "purpose": "Audit"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'file.upload',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a file is stored.',
    summary => 'File {payload.file_name} was uploaded by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "file.upload",
  "description": "Emit when a file is stored.",
  "x-event-type": "file.upload",
  "x-summary": "File {payload.file_name} was uploaded by {actor_id}",
  "type": "object",
  "properties": {
    "file_name": {
      "type": "string",
      "minLength": 1,
      "description": "Name of the file."
    },
    "media_type": {
      "type": "string",
      "minLength": 1,
      "description": "IANA media type."
    },
    "size_bytes": {
      "type": "integer",
      "minimum": 0,
      "description": "Size in bytes."
    },
    "sha256": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "Digest of the content (SHA-256, 64 hex digits)."
    }
  },
  "required": [
    "file_name"
  ],
  "examples": [
    {
      "file_name": "contract.pdf",
      "media_type": "application/pdf",
      "size_bytes": 48211,
      "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'import.create',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when data is brought in from outside.',
    summary => '{payload.import_type} was imported by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "import.create",
  "description": "Emit when data is brought in from outside.",
  "x-event-type": "import.create",
  "x-summary": "{payload.import_type} was imported by {actor_id}",
  "type": "object",
  "properties": {
    "import_type": {
      "type": "string",
      "minLength": 1,
      "description": "What was imported."
    },
    "format": {
      "type": "string",
      "minLength": 1,
      "description": "File format, such as csv or json."
    },
    "source": {
      "type": "string",
      "minLength": 1,
      "description": "Where it came from."
    },
    "row_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Rows taken."
    },
    "rejected_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Rows not taken."
    }
  },
  "required": [
    "import_type"
  ],
  "examples": [
    {
      "import_type": "subscribers",
      "format": "csv",
      "source": "newsletter.csv",
      "row_count": 1200,
      "rejected_count": 4
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'integration.connect',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when another system is connected; never put credentials into the payload.',
    summary => '{payload.integration} was connected by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "integration.connect",
  "description": "Emit when another system is connected; never put credentials into the payload.",
  "x-event-type": "integration.connect",
  "x-summary": "{payload.integration} was connected by {actor_id}",
  "type": "object",
  "properties": {
    "integration": {
      "type": "string",
      "minLength": 1,
      "description": "Which system."
    },
    "account": {
      "type": "string",
      "minLength": 1,
      "description": "Account there."
    },
    "scopes": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "What it may do."
    }
  },
  "required": [
    "integration"
  ],
  "examples": [
    {
      "integration": "crm",
      "account": "acme-eu",
      "scopes": [
        "contacts.read"
      ]
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'integration.disconnect',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when another system is cut off.',
    summary => '{payload.integration} was disconnected by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "integration.disconnect",
  "description": "Emit when another system is cut off.",
  "x-event-type": "integration.disconnect",
  "x-summary": "{payload.integration} was disconnected by {actor_id}",
  "type": "object",
  "properties": {
    "integration": {
      "type": "string",
      "minLength": 1,
      "description": "Which system."
    },
    "account": {
      "type": "string",
      "minLength": 1,
      "description": "Account there."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "integration"
  ],
  "examples": [
    {
      "integration": "crm",
      "account": "acme-eu",
      "reason": "Contract ended"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'permission.grant',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when somebody is allowed more than before.',
    summary => '{payload.subject_type} {payload.subject_id} was granted {payload.permission} by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "permission.grant",
  "description": "Emit when somebody is allowed more than before.",
  "x-event-type": "permission.grant",
  "x-summary": "{payload.subject_type} {payload.subject_id} was granted {payload.permission} by {actor_id}",
  "type": "object",
  "properties": {
    "subject_type": {
      "type": "string",
      "enum": [
        "user",
        "group",
        "service"
      ],
      "description": "Who gets or loses it."
    },
    "subject_id": {
      "type": "string",
      "minLength": 1,
      "description": "Id of the user, group or service."
    },
    "permission": {
      "type": "string",
      "minLength": 1,
      "description": "What is allowed, such as posts:publish or a role's name."
    },
    "scope": {
      "type": "string",
      "minLength": 1,
      "description": "What it is allowed on; everything if left out."
    },
    "expires_at": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When it lapses (ISO 8601 with offset)."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "subject_type",
    "subject_id",
    "permission"
  ],
  "examples": [
    {
      "subject_type": "user",
      "subject_id": "u-7",
      "permission": "posts:publish",
      "scope": "site/blog"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'permission.revoke',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when somebody loses a permission.',
    summary => '{payload.subject_type} {payload.subject_id} lost {payload.permission} by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "permission.revoke",
  "description": "Emit when somebody loses a permission.",
  "x-event-type": "permission.revoke",
  "x-summary": "{payload.subject_type} {payload.subject_id} lost {payload.permission} by {actor_id}",
  "type": "object",
  "properties": {
    "subject_type": {
      "type": "string",
      "enum": [
        "user",
        "group",
        "service"
      ],
      "description": "Who gets or loses it."
    },
    "subject_id": {
      "type": "string",
      "minLength": 1,
      "description": "Id of the user, group or service."
    },
    "permission": {
      "type": "string",
      "minLength": 1,
      "description": "What is no longer allowed."
    },
    "scope": {
      "type": "string",
      "minLength": 1,
      "description": "What it was allowed on; everything if left out."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "subject_type",
    "subject_id",
    "permission"
  ],
  "examples": [
    {
      "subject_type": "user",
      "subject_id": "u-7",
      "permission": "posts:publish",
      "reason": "Changed team"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'role.update',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when what a role allows changes.',
    summary => 'Role {payload.role} was changed by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "role.update",
  "description": "Emit when what a role allows changes.",
  "x-event-type": "role.update",
  "x-summary": "Role {payload.role} was changed by {actor_id}",
  "type": "object",
  "properties": {
    "role": {
      "type": "string",
      "minLength": 1,
      "description": "Name of the role."
    },
    "old_permissions": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "Permissions before."
    },
    "new_permissions": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "Permissions after."
    }
  },
  "required": [
    "role",
    "old_permissions",
    "new_permissions"
  ],
  "examples": [
    {
      "role": "editor",
      "old_permissions": [
        "posts:edit"
      ],
      "new_permissions": [
        "posts:edit",
        "posts:publish"
      ]
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'settings.update',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a setting changes; never put credentials into the values.',
    summary => 'Setting {payload.setting} was changed by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "settings.update",
  "description": "Emit when a setting changes; never put credentials into the values.",
  "x-event-type": "settings.update",
  "x-summary": "Setting {payload.setting} was changed by {actor_id}",
  "type": "object",
  "properties": {
    "setting": {
      "type": "string",
      "minLength": 1,
      "description": "Name of the setting."
    },
    "old_value": {
      "description": "Value before; null if unset."
    },
    "new_value": {
      "description": "Value after; null if unset."
    },
    "scope": {
      "type": "string",
      "minLength": 1,
      "description": "What the setting applies to; everything if left out."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "setting",
    "old_value",
    "new_value"
  ],
  "examples": [
    {
      "setting": "retention_days",
      "old_value": 30,
      "new_value": 90,
      "scope": "site/blog"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'user.create',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when an account is made, with aggregate user/<id>.',
    summary => 'User {aggregate_id} was created by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "user.create",
  "description": "Emit when an account is made, with aggregate user/<id>.",
  "x-event-type": "user.create",
  "x-summary": "User {aggregate_id} was created by {actor_id}",
  "type": "object",
  "properties": {
    "email": {
      "type": "string",
      "minLength": 1,
      "description": "Email address.",
      "x-private": true
    },
    "display_name": {
      "type": "string",
      "minLength": 1,
      "description": "Name shown to others.",
      "x-private": true
    },
    "roles": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "Roles the user has."
    },
    "source": {
      "type": "string",
      "enum": [
        "sign_up",
        "invitation",
        "administrator",
        "sso",
        "import"
      ],
      "description": "How it came to be."
    }
  },
  "examples": [
    {
      "email": "jo@acme.example",
      "display_name": "Jo",
      "roles": [
        "editor"
      ],
      "source": "invitation"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'user.delete',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when an account is removed; erase its private data by ledger.erase_private().',
    summary => 'User {aggregate_id} was deleted by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "user.delete",
  "description": "Emit when an account is removed; erase its private data by ledger.erase_private().",
  "x-event-type": "user.delete",
  "x-summary": "User {aggregate_id} was deleted by {actor_id}",
  "type": "object",
  "properties": {
    "old_status": {
      "type": [
        "string",
        "null"
      ],
      "description": "Status it had."
    },
    "requested_by_user": {
      "type": "boolean",
      "description": "Whether the person asked for it."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "examples": [
    {
      "old_status": "active",
      "requested_by_user": true
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'user.invite',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when somebody is asked to join.',
    summary => 'User {aggregate_id} was invited by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "user.invite",
  "description": "Emit when somebody is asked to join.",
  "x-event-type": "user.invite",
  "x-summary": "User {aggregate_id} was invited by {actor_id}",
  "type": "object",
  "properties": {
    "email": {
      "type": "string",
      "minLength": 1,
      "description": "Email address.",
      "x-private": true
    },
    "display_name": {
      "type": "string",
      "minLength": 1,
      "description": "Name shown to others.",
      "x-private": true
    },
    "roles": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "Roles the user will have."
    },
    "expires_at": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When the invitation lapses (ISO 8601 with offset)."
    }
  },
  "examples": [
    {
      "email": "jo@acme.example",
      "roles": [
        "editor"
      ]
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'user.reactivate',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when a suspended account may sign in again.',
    summary => 'User {aggregate_id} was reactivated by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "user.reactivate",
  "description": "Emit when a suspended account may sign in again.",
  "x-event-type": "user.reactivate",
  "x-summary": "User {aggregate_id} was reactivated by {actor_id}",
  "type": "object",
  "properties": {
    "old_status": {
      "type": [
        "string",
        "null"
      ],
      "description": "Status before; null if it had none."
    },
    "new_status": {
      "type": "string",
      "minLength": 1,
      "description": "Status after."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "old_status",
    "new_status"
  ],
  "examples": [
    {
      "old_status": "suspended",
      "new_status": "active"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'user.suspend',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when an account may no longer sign in.',
    summary => 'User {aggregate_id} was suspended by {actor_id}: {payload.reason}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "user.suspend",
  "description": "Emit when an account may no longer sign in.",
  "x-event-type": "user.suspend",
  "x-summary": "User {aggregate_id} was suspended by {actor_id}: {payload.reason}",
  "type": "object",
  "properties": {
    "old_status": {
      "type": [
        "string",
        "null"
      ],
      "description": "Status before; null if it had none."
    },
    "new_status": {
      "type": "string",
      "minLength": 1,
      "description": "Status after."
    },
    "reason": {
      "type": "string",
      "minLength": 1,
      "description": "Why."
    },
    "until": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When the suspension ends (ISO 8601 with offset)."
    }
  },
  "required": [
    "old_status",
    "new_status",
    "reason"
  ],
  "examples": [
    {
      "old_status": "active",
      "new_status": "suspended",
      "reason": "Unusual sign-ins"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'user.update',
    schema_version => 1,
    catalog => 'audit',
    publish => true,
    description => 'Emit when fields of an account change; personal values belong into emit_event''s private.',
    summary => 'User {aggregate_id} was changed by {actor_id}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "user.update",
  "description": "Emit when fields of an account change; personal values belong into emit_event's private.",
  "x-event-type": "user.update",
  "x-summary": "User {aggregate_id} was changed by {actor_id}",
  "type": "object",
  "properties": {
    "old_values": {
      "type": "object",
      "description": "The changed fields as they were."
    },
    "new_values": {
      "type": "object",
      "description": "The changed fields as they are now."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "old_values",
    "new_values"
  ],
  "examples": [
    {
      "old_values": {
        "locale": "en"
      },
      "new_values": {
        "locale": "de"
      }
    }
  ]
}
$json$
  );
end
$catalog$;

-- from sql/catalog/ledger.sql
-- Generated by scripts/render_catalog from sql/catalog/ledger/*.json.
-- Change those files, not this one.
do $catalog$
begin
  perform ledger.register_event_type(
    event_type => 'ledger.access_granted',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'Reserved, not emitted yet: when a database role may do more for a tenant than before.',
    summary => 'Role {payload.role_name} was granted {payload.new_privileges} for {payload.granted_tenant_id} by {payload.granted_by}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.access_granted",
  "description": "Reserved, not emitted yet: when a database role may do more for a tenant than before.",
  "x-event-type": "ledger.access_granted",
  "x-summary": "Role {payload.role_name} was granted {payload.new_privileges} for {payload.granted_tenant_id} by {payload.granted_by}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "role_name": {
      "type": "string",
      "minLength": 1,
      "description": "Database role."
    },
    "granted_tenant_id": {
      "type": "string",
      "minLength": 1,
      "description": "Tenant the access is for; * is every tenant."
    },
    "old_privileges": {
      "type": "array",
      "items": {
        "type": "string",
        "enum": [
          "write",
          "read",
          "relay",
          "consume",
          "operate",
          "privacy",
          "audit",
          "register"
        ]
      },
      "minItems": 0,
      "description": "Privileges before."
    },
    "new_privileges": {
      "type": "array",
      "items": {
        "type": "string",
        "enum": [
          "write",
          "read",
          "relay",
          "consume",
          "operate",
          "privacy",
          "audit",
          "register"
        ]
      },
      "minItems": 1,
      "description": "Privileges after."
    },
    "granted_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that granted it."
    }
  },
  "required": [
    "role_name",
    "granted_tenant_id",
    "old_privileges",
    "new_privileges",
    "granted_by"
  ],
  "examples": [
    {
      "role_name": "app",
      "granted_tenant_id": "acme",
      "old_privileges": [],
      "new_privileges": [
        "read",
        "write"
      ],
      "granted_by": "admin"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.access_revoked',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'Reserved, not emitted yet: when a database role may do less for a tenant than before.',
    summary => 'Role {payload.role_name} lost privileges for {payload.revoked_tenant_id} by {payload.revoked_by}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.access_revoked",
  "description": "Reserved, not emitted yet: when a database role may do less for a tenant than before.",
  "x-event-type": "ledger.access_revoked",
  "x-summary": "Role {payload.role_name} lost privileges for {payload.revoked_tenant_id} by {payload.revoked_by}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "role_name": {
      "type": "string",
      "minLength": 1,
      "description": "Database role."
    },
    "revoked_tenant_id": {
      "type": "string",
      "minLength": 1,
      "description": "Tenant the access is for; * is every tenant."
    },
    "old_privileges": {
      "type": "array",
      "items": {
        "type": "string",
        "enum": [
          "write",
          "read",
          "relay",
          "consume",
          "operate",
          "privacy",
          "audit",
          "register"
        ]
      },
      "minItems": 1,
      "description": "Privileges before."
    },
    "new_privileges": {
      "type": "array",
      "items": {
        "type": "string",
        "enum": [
          "write",
          "read",
          "relay",
          "consume",
          "operate",
          "privacy",
          "audit",
          "register"
        ]
      },
      "minItems": 0,
      "description": "Privileges after."
    },
    "revoked_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that revoked it."
    }
  },
  "required": [
    "role_name",
    "revoked_tenant_id",
    "old_privileges",
    "new_privileges",
    "revoked_by"
  ],
  "examples": [
    {
      "role_name": "app",
      "revoked_tenant_id": "acme",
      "old_privileges": [
        "read",
        "write"
      ],
      "new_privileges": [
        "read"
      ],
      "revoked_by": "admin"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.checkpoint_signed',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'Reserved, not emitted yet: when the tenant''s log gets a signed checkpoint.',
    summary => 'A checkpoint of {payload.tree_size} events was signed with {payload.key_name}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.checkpoint_signed",
  "description": "Reserved, not emitted yet: when the tenant's log gets a signed checkpoint.",
  "x-event-type": "ledger.checkpoint_signed",
  "x-summary": "A checkpoint of {payload.tree_size} events was signed with {payload.key_name}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "origin": {
      "type": "string",
      "minLength": 1,
      "description": "Name of the log."
    },
    "tree_size": {
      "type": "integer",
      "minimum": 0,
      "description": "Events it covers."
    },
    "root": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "Merkle root (SHA-256, 64 hex digits)."
    },
    "key_name": {
      "type": "string",
      "minLength": 1,
      "description": "Public name of the signing key."
    }
  },
  "required": [
    "origin",
    "tree_size",
    "root",
    "key_name"
  ],
  "examples": [
    {
      "origin": "agent-events.example/acme",
      "tree_size": 120512,
      "root": "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456",
      "key_name": "agent-events.example/acme"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.event_type_registered',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'Reserved, not emitted yet: when an event type gets a new schema version.',
    summary => 'Event type {payload.registered_type} version {payload.new_version} was registered by {payload.registered_by}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.event_type_registered",
  "description": "Reserved, not emitted yet: when an event type gets a new schema version.",
  "x-event-type": "ledger.event_type_registered",
  "x-summary": "Event type {payload.registered_type} version {payload.new_version} was registered by {payload.registered_by}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "registered_type": {
      "type": "string",
      "minLength": 1,
      "description": "The event type."
    },
    "old_version": {
      "type": [
        "integer",
        "null"
      ],
      "minimum": 1,
      "description": "Version that was current; null if the type is new."
    },
    "new_version": {
      "type": "integer",
      "minimum": 1,
      "description": "Version that is current now."
    },
    "catalog": {
      "type": "string",
      "minLength": 1,
      "description": "Catalog it belongs to."
    },
    "registered_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that registered it."
    }
  },
  "required": [
    "registered_type",
    "old_version",
    "new_version",
    "catalog",
    "registered_by"
  ],
  "examples": [
    {
      "registered_type": "deal.won",
      "old_version": null,
      "new_version": 1,
      "catalog": "custom",
      "registered_by": "admin"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.export_created',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'An export of events is finished.',
    summary => '{payload.event_count} events were exported as {payload.format} by {payload.exported_by}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.export_created",
  "description": "An export of events is finished.",
  "x-event-type": "ledger.export_created",
  "x-summary": "{payload.event_count} events were exported as {payload.format} by {payload.exported_by}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "export_id": {
      "type": "string",
      "format": "uuid",
      "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
      "description": "Id of the event ledger.export_started that began it."
    },
    "format": {
      "type": "string",
      "minLength": 1,
      "description": "Format of the export."
    },
    "event_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Events in it."
    },
    "is_redacted": {
      "type": "boolean",
      "description": "Whether private data was left out."
    },
    "filters": {
      "type": "object",
      "description": "What was selected: the filters that were given."
    },
    "file_sha256": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "Digest of the file (SHA-256, 64 hex digits)."
    },
    "exported_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that exported."
    },
    "purpose": {
      "type": "string",
      "description": "What for, as the exporter said."
    }
  },
  "required": [
    "export_id",
    "format",
    "event_count",
    "is_redacted",
    "exported_by"
  ],
  "examples": [
    {
      "export_id": "01981d2f-4a6e-7c31-9b1e-2f6f0e1c7a55",
      "format": "jsonl",
      "event_count": 5210,
      "is_redacted": true,
      "filters": {
        "aggregate_type": "deal"
      },
      "exported_by": "auditor"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.export_started',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'An export of events begins; its id is this event''s. Nothing is read before this is committed.',
    summary => 'An export as {payload.format} was begun by {payload.exported_by}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.export_started",
  "description": "An export of events begins; its id is this event's. Nothing is read before this is committed.",
  "x-event-type": "ledger.export_started",
  "x-summary": "An export as {payload.format} was begun by {payload.exported_by}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "format": {
      "type": "string",
      "minLength": 1,
      "description": "Format of the export."
    },
    "filters": {
      "type": "object",
      "description": "What was selected: the filters that were given."
    },
    "with_proof": {
      "type": "boolean",
      "description": "Whether each event comes with its inclusion proof."
    },
    "is_redacted": {
      "type": "boolean",
      "description": "Whether private data was left out."
    },
    "exported_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that exported."
    },
    "purpose": {
      "type": "string",
      "description": "What for, as the exporter said."
    },
    "tree_size": {
      "type": "integer",
      "minimum": 0,
      "description": "Events in the log at that time: the tree that the proofs are for."
    },
    "root": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "Merkle root of that tree (SHA-256, 64 hex digits)."
    }
  },
  "required": [
    "format",
    "filters",
    "with_proof",
    "is_redacted",
    "exported_by",
    "tree_size"
  ],
  "examples": [
    {
      "format": "jsonl",
      "filters": {
        "aggregate_type": "deal"
      },
      "with_proof": false,
      "is_redacted": true,
      "exported_by": "auditor",
      "tree_size": 120512,
      "root": "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.guards_repaired',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'Reserved, not emitted yet: when repair_guards() put guards back.',
    summary => 'Guards were repaired by {payload.repaired_by}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.guards_repaired",
  "description": "Reserved, not emitted yet: when repair_guards() put guards back.",
  "x-event-type": "ledger.guards_repaired",
  "x-summary": "Guards were repaired by {payload.repaired_by}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "repaired": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "minItems": 1,
      "description": "What was missing, disabled or demoted."
    },
    "repaired_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that repaired it."
    }
  },
  "required": [
    "repaired",
    "repaired_by"
  ],
  "examples": [
    {
      "repaired": [
        "agent_events.refuse_change"
      ],
      "repaired_by": "admin"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.hold_placed',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'A legal hold forbids erasing and dropping what it covers.',
    summary => 'Legal hold {payload.hold_id} was placed by {payload.placed_by}: {payload.reason}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.hold_placed",
  "description": "A legal hold forbids erasing and dropping what it covers.",
  "x-event-type": "ledger.hold_placed",
  "x-summary": "Legal hold {payload.hold_id} was placed by {payload.placed_by}: {payload.reason}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "hold_id": {
      "type": "string",
      "minLength": 1,
      "description": "The hold's id."
    },
    "scope": {
      "type": "object",
      "description": "What it covers: a stream, a correlation, a person (subject_hash), a time; empty for the whole tenant."
    },
    "reason": {
      "type": "string",
      "minLength": 1,
      "description": "Why, such as the matter's number."
    },
    "placed_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that placed it."
    },
    "expires_at": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When it lapses by itself (ISO 8601 with offset)."
    }
  },
  "required": [
    "hold_id",
    "scope",
    "reason",
    "placed_by"
  ],
  "examples": [
    {
      "hold_id": "0b6f0c5e-3f0c-4d0e-9a3b-6d6f0d1f8a11",
      "scope": {
        "subject_hash": "92615ae22250a2e90df27e7486acdddd3d49f595e2ecf6f98e7c51715d3ec240"
      },
      "reason": "Matter 88-2026",
      "placed_by": "legal"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.hold_released',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'A legal hold ends.',
    summary => 'Legal hold {payload.hold_id} was released by {payload.released_by}: {payload.reason}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.hold_released",
  "description": "A legal hold ends.",
  "x-event-type": "ledger.hold_released",
  "x-summary": "Legal hold {payload.hold_id} was released by {payload.released_by}: {payload.reason}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "hold_id": {
      "type": "string",
      "minLength": 1,
      "description": "The hold's id."
    },
    "scope": {
      "type": "object",
      "description": "What it covers: a stream, a correlation, a person (subject_hash), a time; empty for the whole tenant."
    },
    "reason": {
      "type": "string",
      "minLength": 1,
      "description": "Why."
    },
    "released_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that released it."
    }
  },
  "required": [
    "hold_id",
    "scope",
    "reason",
    "released_by"
  ],
  "examples": [
    {
      "hold_id": "0b6f0c5e-3f0c-4d0e-9a3b-6d6f0d1f8a11",
      "scope": {
        "subject_hash": "92615ae22250a2e90df27e7486acdddd3d49f595e2ecf6f98e7c51715d3ec240"
      },
      "reason": "Settled",
      "released_by": "legal"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.import_completed',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'Reserved, not emitted yet: when an older audit trail was imported.',
    summary => '{payload.imported_count} events were imported from {payload.source}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.import_completed",
  "description": "Reserved, not emitted yet: when an older audit trail was imported.",
  "x-event-type": "ledger.import_completed",
  "x-summary": "{payload.imported_count} events were imported from {payload.source}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "source": {
      "type": "string",
      "minLength": 1,
      "description": "File or system it came from."
    },
    "read_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Records read."
    },
    "imported_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Events written."
    },
    "duplicate_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Records that had been imported before."
    },
    "rejected_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Records that could not be mapped; the import's report lists them."
    },
    "source_sha256": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "Digest of the file (SHA-256, 64 hex digits)."
    }
  },
  "required": [
    "source",
    "read_count",
    "imported_count",
    "duplicate_count",
    "rejected_count"
  ],
  "examples": [
    {
      "source": "audit.sqlite",
      "read_count": 4000,
      "imported_count": 3988,
      "duplicate_count": 0,
      "rejected_count": 12
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.log_rebased',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'The log begins a new epoch, after a restore into another cluster or a move.',
    summary => 'The log began epoch {payload.new_epoch} by {payload.rebased_by}: {payload.reason}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.log_rebased",
  "description": "The log begins a new epoch, after a restore into another cluster or a move.",
  "x-event-type": "ledger.log_rebased",
  "x-summary": "The log began epoch {payload.new_epoch} by {payload.rebased_by}: {payload.reason}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "old_epoch": {
      "type": "integer",
      "minimum": 0,
      "description": "Epoch before."
    },
    "new_epoch": {
      "type": "integer",
      "minimum": 1,
      "description": "Epoch after."
    },
    "tree_size": {
      "type": "integer",
      "minimum": 0,
      "description": "Events in the log at that moment."
    },
    "reason": {
      "type": "string",
      "minLength": 1,
      "description": "Why, such as restore or shard move."
    },
    "rebased_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that rebased it."
    }
  },
  "required": [
    "old_epoch",
    "new_epoch",
    "tree_size",
    "reason",
    "rebased_by"
  ],
  "examples": [
    {
      "old_epoch": 0,
      "new_epoch": 1,
      "tree_size": 120512,
      "reason": "Restored from backup",
      "rebased_by": "operator"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.outbox_purged',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'When a partition of the outbox was dropped, after every relay had delivered it.',
    summary => 'Outbox partition {payload.partition_name} was purged by {payload.purged_by}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.outbox_purged",
  "description": "When a partition of the outbox was dropped, after every relay had delivered it.",
  "x-event-type": "ledger.outbox_purged",
  "x-summary": "Outbox partition {payload.partition_name} was purged by {payload.purged_by}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "partition_name": {
      "type": "string",
      "minLength": 1,
      "description": "Name of the partition."
    },
    "parent_name": {
      "type": "string",
      "enum": [
        "agent_events",
        "outbox"
      ],
      "description": "Table it is, or was, a partition of."
    },
    "from_time": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "First moment it covers (ISO 8601 with offset)."
    },
    "to_time": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "Moment it ends before (ISO 8601 with offset)."
    },
    "old_tier": {
      "type": "string",
      "enum": [
        "hot",
        "archive",
        "cold",
        "dropped"
      ],
      "description": "Where it was."
    },
    "new_tier": {
      "type": "string",
      "enum": [
        "hot",
        "archive",
        "cold",
        "dropped"
      ],
      "description": "Where it is now."
    },
    "row_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Rows in it."
    },
    "purged_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that purged it."
    }
  },
  "required": [
    "partition_name",
    "parent_name",
    "from_time",
    "to_time",
    "old_tier",
    "new_tier",
    "row_count",
    "purged_by"
  ],
  "examples": [
    {
      "partition_name": "outbox_p20260801",
      "parent_name": "outbox",
      "from_time": "2026-08-01T00:00:00Z",
      "to_time": "2026-09-01T00:00:00Z",
      "old_tier": "hot",
      "new_tier": "dropped",
      "row_count": 120000,
      "purged_by": "operator"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.partition_archived',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'A partition moved from agent_events to agent_events_archive.',
    summary => 'Partition {payload.partition_name} was archived by {payload.archived_by}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.partition_archived",
  "description": "A partition moved from agent_events to agent_events_archive.",
  "x-event-type": "ledger.partition_archived",
  "x-summary": "Partition {payload.partition_name} was archived by {payload.archived_by}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "partition_name": {
      "type": "string",
      "minLength": 1,
      "description": "Name of the partition."
    },
    "parent_name": {
      "type": "string",
      "enum": [
        "agent_events",
        "outbox"
      ],
      "description": "Table it is, or was, a partition of."
    },
    "from_time": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "First moment it covers (ISO 8601 with offset)."
    },
    "to_time": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "Moment it ends before (ISO 8601 with offset)."
    },
    "old_tier": {
      "type": "string",
      "enum": [
        "hot",
        "archive",
        "cold",
        "dropped"
      ],
      "description": "Where it was."
    },
    "new_tier": {
      "type": "string",
      "enum": [
        "hot",
        "archive",
        "cold",
        "dropped"
      ],
      "description": "Where it is now."
    },
    "row_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Rows in it."
    },
    "archived_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that archived it."
    }
  },
  "required": [
    "partition_name",
    "parent_name",
    "from_time",
    "to_time",
    "old_tier",
    "new_tier",
    "archived_by"
  ],
  "examples": [
    {
      "partition_name": "agent_events_p20260801",
      "parent_name": "agent_events",
      "from_time": "2026-08-01T00:00:00Z",
      "to_time": "2026-09-01T00:00:00Z",
      "old_tier": "hot",
      "new_tier": "archive",
      "row_count": 120000,
      "archived_by": "operator"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.partition_dropped',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'When a partition was dropped from the database after it was exported, and when its file expired.',
    summary => 'Partition {payload.partition_name} was dropped by {payload.dropped_by}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.partition_dropped",
  "description": "When a partition was dropped from the database after it was exported, and when its file expired.",
  "x-event-type": "ledger.partition_dropped",
  "x-summary": "Partition {payload.partition_name} was dropped by {payload.dropped_by}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "partition_name": {
      "type": "string",
      "minLength": 1,
      "description": "Name of the partition."
    },
    "parent_name": {
      "type": "string",
      "enum": [
        "agent_events",
        "outbox"
      ],
      "description": "Table it is, or was, a partition of."
    },
    "from_time": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "First moment it covers (ISO 8601 with offset)."
    },
    "to_time": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "Moment it ends before (ISO 8601 with offset)."
    },
    "old_tier": {
      "type": "string",
      "enum": [
        "hot",
        "archive",
        "cold",
        "dropped"
      ],
      "description": "Where it was."
    },
    "new_tier": {
      "type": "string",
      "enum": [
        "hot",
        "archive",
        "cold",
        "dropped"
      ],
      "description": "Where it is now."
    },
    "row_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Rows in it."
    },
    "file_name": {
      "type": "string",
      "minLength": 1,
      "description": "File, or object, that holds it."
    },
    "file_sha256": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "Digest of the file (SHA-256, 64 hex digits)."
    },
    "file_format": {
      "type": "string",
      "minLength": 1,
      "description": "Format of the file, such as parquet."
    },
    "dropped_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that dropped it."
    },
    "reason": {
      "type": "string",
      "minLength": 1,
      "description": "Why the file may be deleted; only when it expired."
    }
  },
  "required": [
    "partition_name",
    "parent_name",
    "from_time",
    "to_time",
    "old_tier",
    "new_tier",
    "file_name",
    "file_sha256",
    "dropped_by"
  ],
  "examples": [
    {
      "partition_name": "agent_events_p20260801",
      "parent_name": "agent_events",
      "from_time": "2026-08-01T00:00:00Z",
      "to_time": "2026-09-01T00:00:00Z",
      "old_tier": "archive",
      "new_tier": "cold",
      "row_count": 120000,
      "file_name": "agent_events_p20260801.parquet",
      "file_sha256": "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456",
      "dropped_by": "operator"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.partition_exported',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'When a partition was written to a file and read back.',
    summary => 'Partition {payload.partition_name} was written to {payload.file_name}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.partition_exported",
  "description": "When a partition was written to a file and read back.",
  "x-event-type": "ledger.partition_exported",
  "x-summary": "Partition {payload.partition_name} was written to {payload.file_name}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "partition_name": {
      "type": "string",
      "minLength": 1,
      "description": "Name of the partition."
    },
    "parent_name": {
      "type": "string",
      "enum": [
        "agent_events",
        "outbox"
      ],
      "description": "Table it is, or was, a partition of."
    },
    "from_time": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "First moment it covers (ISO 8601 with offset)."
    },
    "to_time": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "Moment it ends before (ISO 8601 with offset)."
    },
    "old_tier": {
      "type": "string",
      "enum": [
        "hot",
        "archive",
        "cold",
        "dropped"
      ],
      "description": "Where it was."
    },
    "new_tier": {
      "type": "string",
      "enum": [
        "hot",
        "archive",
        "cold",
        "dropped"
      ],
      "description": "Where it is now."
    },
    "row_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Rows in it."
    },
    "file_name": {
      "type": "string",
      "minLength": 1,
      "description": "File, or object, that holds it."
    },
    "file_sha256": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "Digest of the file (SHA-256, 64 hex digits)."
    },
    "file_format": {
      "type": "string",
      "minLength": 1,
      "description": "Format of the file, such as parquet."
    },
    "file_bytes": {
      "type": "integer",
      "minimum": 1,
      "description": "Size of the file, in bytes."
    },
    "exported_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that exported it."
    }
  },
  "required": [
    "partition_name",
    "parent_name",
    "from_time",
    "to_time",
    "old_tier",
    "new_tier",
    "file_name",
    "file_sha256"
  ],
  "examples": [
    {
      "partition_name": "agent_events_p20260801",
      "parent_name": "agent_events",
      "from_time": "2026-08-01T00:00:00Z",
      "to_time": "2026-09-01T00:00:00Z",
      "old_tier": "archive",
      "new_tier": "archive",
      "row_count": 120000,
      "file_name": "agent_events_p20260801.parquet",
      "file_sha256": "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456",
      "file_format": "parquet",
      "file_bytes": 9400000,
      "exported_by": "operator"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.partition_restored',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'A partition came back: from the archive to agent_events, or from its file to the archive.',
    summary => 'Partition {payload.partition_name} was restored by {payload.restored_by}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.partition_restored",
  "description": "A partition came back: from the archive to agent_events, or from its file to the archive.",
  "x-event-type": "ledger.partition_restored",
  "x-summary": "Partition {payload.partition_name} was restored by {payload.restored_by}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "partition_name": {
      "type": "string",
      "minLength": 1,
      "description": "Name of the partition."
    },
    "parent_name": {
      "type": "string",
      "enum": [
        "agent_events",
        "outbox"
      ],
      "description": "Table it is, or was, a partition of."
    },
    "from_time": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "First moment it covers (ISO 8601 with offset)."
    },
    "to_time": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "Moment it ends before (ISO 8601 with offset)."
    },
    "old_tier": {
      "type": "string",
      "enum": [
        "hot",
        "archive",
        "cold",
        "dropped"
      ],
      "description": "Where it was."
    },
    "new_tier": {
      "type": "string",
      "enum": [
        "hot",
        "archive",
        "cold",
        "dropped"
      ],
      "description": "Where it is now."
    },
    "row_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Rows in it."
    },
    "file_name": {
      "type": "string",
      "minLength": 1,
      "description": "File, or object, that holds it."
    },
    "file_sha256": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "Digest of the file (SHA-256, 64 hex digits)."
    },
    "file_format": {
      "type": "string",
      "minLength": 1,
      "description": "Format of the file, such as parquet."
    },
    "restored_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that restored it."
    }
  },
  "required": [
    "partition_name",
    "parent_name",
    "from_time",
    "to_time",
    "old_tier",
    "new_tier",
    "restored_by"
  ],
  "examples": [
    {
      "partition_name": "agent_events_p20260801",
      "parent_name": "agent_events",
      "from_time": "2026-08-01T00:00:00Z",
      "to_time": "2026-09-01T00:00:00Z",
      "old_tier": "cold",
      "new_tier": "archive",
      "row_count": 120000,
      "file_name": "agent_events_p20260801.parquet",
      "file_sha256": "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456",
      "restored_by": "operator"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.private_erased',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'Private data is erased; the events and their hashes stay.',
    summary => 'Private data of {payload.event_count} events was erased by {payload.erased_by}: {payload.reason}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.private_erased",
  "description": "Private data is erased; the events and their hashes stay.",
  "x-event-type": "ledger.private_erased",
  "x-summary": "Private data of {payload.event_count} events was erased by {payload.erased_by}: {payload.reason}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "subject_hash": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "ledger.subject_hash() of the person whose data was erased."
    },
    "event_ids": {
      "type": "array",
      "items": {
        "type": "string",
        "format": "uuid",
        "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        "description": "Id of an event."
      },
      "description": "Events whose data was erased; left out for more than 10,000, which ledger.erasures names."
    },
    "event_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Events whose data was erased."
    },
    "reason": {
      "type": "string",
      "minLength": 1,
      "description": "Why, such as the request's number."
    },
    "erased_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that erased it."
    }
  },
  "required": [
    "event_count",
    "reason",
    "erased_by"
  ],
  "examples": [
    {
      "subject_hash": "92615ae22250a2e90df27e7486acdddd3d49f595e2ecf6f98e7c51715d3ec240",
      "event_count": 12,
      "reason": "GDPR Art. 17, request 2026-118",
      "erased_by": "privacy_officer"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.private_read',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'Private data of events is read.',
    summary => 'Private data of {payload.event_count} events was read by {payload.reader}: {payload.purpose}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.private_read",
  "description": "Private data of events is read.",
  "x-event-type": "ledger.private_read",
  "x-summary": "Private data of {payload.event_count} events was read by {payload.reader}: {payload.purpose}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "reader": {
      "type": "string",
      "minLength": 1,
      "description": "Role that read."
    },
    "purpose": {
      "type": "string",
      "minLength": 1,
      "description": "What for, as the reader said."
    },
    "subject_hash": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "ledger.subject_hash() of the person whose data was read."
    },
    "event_ids": {
      "type": "array",
      "items": {
        "type": "string",
        "format": "uuid",
        "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        "description": "Id of an event."
      },
      "description": "Events whose data was read; left out for more than 10,000."
    },
    "event_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Events whose data was read."
    }
  },
  "required": [
    "reader",
    "purpose",
    "event_count"
  ],
  "examples": [
    {
      "reader": "support",
      "purpose": "Ticket 4711",
      "subject_hash": "92615ae22250a2e90df27e7486acdddd3d49f595e2ecf6f98e7c51715d3ec240",
      "event_count": 3
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.tenant_policy_changed',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'Reserved, not emitted yet: when a tenant''s policy changes.',
    summary => 'Policy {payload.setting} was set to {payload.new_value} by {payload.changed_by}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.tenant_policy_changed",
  "description": "Reserved, not emitted yet: when a tenant's policy changes.",
  "x-event-type": "ledger.tenant_policy_changed",
  "x-summary": "Policy {payload.setting} was set to {payload.new_value} by {payload.changed_by}",
  "x-publish": false,
  "type": "object",
  "properties": {
    "setting": {
      "type": "string",
      "minLength": 1,
      "description": "What part of the policy."
    },
    "old_value": {
      "description": "Value before; null if unset."
    },
    "new_value": {
      "description": "Value after."
    },
    "changed_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that changed it."
    }
  },
  "required": [
    "setting",
    "old_value",
    "new_value",
    "changed_by"
  ],
  "examples": [
    {
      "setting": "unknown_types",
      "old_value": "refuse",
      "new_value": "open",
      "changed_by": "admin"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'ledger.verified',
    schema_version => 1,
    catalog => 'ledger',
    publish => false,
    description => 'The log was verified; outcome failure means that findings were made.',
    summary => '{payload.tree_size} events were verified by {payload.verified_by}, {payload.finding_count} findings',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "ledger.verified",
  "description": "The log was verified; outcome failure means that findings were made.",
  "x-event-type": "ledger.verified",
  "x-summary": "{payload.tree_size} events were verified by {payload.verified_by}, {payload.finding_count} findings",
  "x-publish": false,
  "type": "object",
  "properties": {
    "tree_size": {
      "type": "integer",
      "minimum": 0,
      "description": "Events that were verified."
    },
    "root": {
      "type": "string",
      "pattern": "^[0-9a-f]{64}$",
      "description": "Merkle root that was computed (SHA-256, 64 hex digits)."
    },
    "finding_count": {
      "type": "integer",
      "minimum": 0,
      "description": "Findings; 0 if all is well."
    },
    "findings": {
      "type": "array",
      "items": {
        "type": "object"
      },
      "description": "The first findings."
    },
    "duration_ms": {
      "type": "number",
      "minimum": 0,
      "description": "Time it took, in milliseconds."
    },
    "verified_by": {
      "type": "string",
      "minLength": 1,
      "description": "Role that verified."
    }
  },
  "required": [
    "tree_size",
    "finding_count"
  ],
  "examples": [
    {
      "tree_size": 120512,
      "root": "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456",
      "finding_count": 0,
      "duration_ms": 812
    }
  ]
}
$json$
  );
end
$catalog$;

-- from sql/catalog/llm.sql
-- Generated by scripts/render_catalog from sql/catalog/llm/*.json.
-- Change those files, not this one.
do $catalog$
begin
  perform ledger.register_event_type(
    event_type => 'agent.call_completed',
    schema_version => 1,
    catalog => 'llm',
    publish => true,
    description => 'Emit after every call of a language model; prompt and raw output are kept erasable, the rest stays searchable.',
    summary => '{payload.agent_name} called {payload.model_name} of {payload.provider_name}: {outcome}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "agent.call_completed",
  "description": "Emit after every call of a language model; prompt and raw output are kept erasable, the rest stays searchable.",
  "x-event-type": "agent.call_completed",
  "x-summary": "{payload.agent_name} called {payload.model_name} of {payload.provider_name}: {outcome}",
  "type": "object",
  "properties": {
    "timestamp_start": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When the request was sent (ISO 8601 with offset)."
    },
    "timestamp_end": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When the last byte of the answer arrived (ISO 8601 with offset)."
    },
    "latency_ms": {
      "type": "number",
      "minimum": 0,
      "description": "Time between the two, in milliseconds."
    },
    "agent_name": {
      "type": "string",
      "minLength": 1,
      "description": "Agent that called."
    },
    "method_name": {
      "type": "string",
      "minLength": 1,
      "description": "Function or step of the agent that called."
    },
    "prompt": {
      "type": [
        "string",
        "array",
        "object"
      ],
      "description": "What was sent: text, or messages as the provider takes them.",
      "x-private": true
    },
    "context_refs": {
      "type": "array",
      "items": {
        "type": [
          "string",
          "object"
        ]
      },
      "description": "What the prompt was built from: document ids, URLs, event ids."
    },
    "input_metadata": {
      "type": "object",
      "description": "Parameters of the call, such as temperature, and what describes the input."
    },
    "raw_output": {
      "type": [
        "string",
        "array",
        "object",
        "null"
      ],
      "description": "What came back, untouched; null if nothing did.",
      "x-private": true
    },
    "parsed_data": {
      "description": "What was read from the output."
    },
    "parse_result": {
      "type": "string",
      "enum": [
        "success",
        "partial",
        "failure",
        "skipped"
      ],
      "description": "Whether the output could be read."
    },
    "parse_error": {
      "type": "string",
      "minLength": 1,
      "description": "Why it could not be read."
    },
    "provider_name": {
      "type": "string",
      "minLength": 1,
      "description": "Who serves the model."
    },
    "model_name": {
      "type": "string",
      "minLength": 1,
      "description": "Model, with its version."
    },
    "usage": {
      "type": "object",
      "properties": {
        "input_tokens": {
          "type": "integer",
          "minimum": 0,
          "description": "Tokens sent."
        },
        "output_tokens": {
          "type": "integer",
          "minimum": 0,
          "description": "Tokens produced."
        },
        "total_tokens": {
          "type": "integer",
          "minimum": 0,
          "description": "Tokens charged in all."
        },
        "cached_input_tokens": {
          "type": "integer",
          "minimum": 0,
          "description": "Tokens sent that the provider had cached."
        },
        "reasoning_tokens": {
          "type": "integer",
          "minimum": 0,
          "description": "Tokens produced that are not part of the output."
        },
        "cost": {
          "type": "number",
          "minimum": 0,
          "description": "Cost of the call, in `currency`."
        },
        "currency": {
          "type": "string",
          "pattern": "^[A-Z]{3}$",
          "description": "ISO 4217 code of the currency."
        }
      },
      "required": [
        "input_tokens",
        "output_tokens"
      ],
      "description": "What the call used and cost."
    },
    "policy_decisions": {
      "type": "array",
      "items": {
        "type": "object",
        "properties": {
          "policy": {
            "type": "string",
            "minLength": 1,
            "description": "Rule that decided."
          },
          "decision": {
            "type": "string",
            "enum": [
              "allow",
              "deny",
              "redact",
              "flag"
            ],
            "description": "What it decided."
          },
          "reason": {
            "type": "string",
            "description": "Why."
          }
        },
        "required": [
          "policy",
          "decision"
        ]
      },
      "description": "What policies decided about the call, in order."
    },
    "training_labels": {
      "type": "object",
      "description": "Labels for evaluation and training, by name."
    }
  },
  "required": [
    "timestamp_start",
    "timestamp_end",
    "latency_ms",
    "agent_name",
    "provider_name",
    "model_name"
  ],
  "examples": [
    {
      "timestamp_start": "2026-11-20T09:15:01.120Z",
      "timestamp_end": "2026-11-20T09:15:02.364Z",
      "latency_ms": 1244,
      "agent_name": "mail_router",
      "method_name": "classify",
      "prompt": [
        {
          "role": "user",
          "content": "Which category is this email?"
        }
      ],
      "context_refs": [
        "email:<42@mail.example>"
      ],
      "input_metadata": {
        "temperature": 0,
        "language": "en"
      },
      "raw_output": "{\"category\": \"renewal_request\"}",
      "parsed_data": {
        "category": "renewal_request"
      },
      "parse_result": "success",
      "provider_name": "example",
      "model_name": "example-large-2026-09",
      "usage": {
        "input_tokens": 812,
        "output_tokens": 9,
        "total_tokens": 821,
        "cost": 0.0021,
        "currency": "USD"
      },
      "policy_decisions": [
        {
          "policy": "no_personal_data_abroad",
          "decision": "allow"
        }
      ],
      "training_labels": {
        "correct": true
      }
    }
  ]
}
$json$
  );
end
$catalog$;

-- from sql/catalog/trading.sql
-- Generated by scripts/render_catalog from sql/catalog/trading/*.json.
-- Change those files, not this one.
do $catalog$
begin
  perform ledger.register_event_type(
    event_type => 'trading.balance_changed',
    schema_version => 1,
    catalog => 'trading',
    publish => true,
    description => 'Emit when the balance of an account or wallet changes, with the account as aggregate.',
    summary => 'Balance of {payload.account_id} went from {payload.old_balance} to {payload.new_balance} {payload.asset}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "trading.balance_changed",
  "description": "Emit when the balance of an account or wallet changes, with the account as aggregate.",
  "x-event-type": "trading.balance_changed",
  "x-summary": "Balance of {payload.account_id} went from {payload.old_balance} to {payload.new_balance} {payload.asset}",
  "type": "object",
  "properties": {
    "account_id": {
      "type": "string",
      "minLength": 1,
      "description": "Account or wallet."
    },
    "asset": {
      "type": "string",
      "minLength": 1,
      "description": "What the balance is in."
    },
    "old_balance": {
      "type": "number",
      "description": "Balance before."
    },
    "new_balance": {
      "type": "number",
      "description": "Balance after."
    },
    "reason": {
      "type": "string",
      "enum": [
        "deposit",
        "withdrawal",
        "trade",
        "fee",
        "funding",
        "interest",
        "transfer",
        "correction"
      ],
      "description": "What changed it."
    },
    "reference": {
      "type": "string",
      "minLength": 1,
      "description": "Id of what changed it, such as a trade."
    }
  },
  "required": [
    "account_id",
    "asset",
    "old_balance",
    "new_balance",
    "reason"
  ],
  "examples": [
    {
      "account_id": "a-1",
      "asset": "USD",
      "old_balance": 10000.0,
      "new_balance": 3174.95,
      "reason": "trade",
      "reference": "t-9"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'trading.order_cancelled',
    schema_version => 1,
    catalog => 'trading',
    publish => true,
    description => 'Emit when what is left of an order is withdrawn.',
    summary => 'Order {payload.order_id} ({payload.symbol}) was cancelled: {payload.reason}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "trading.order_cancelled",
  "description": "Emit when what is left of an order is withdrawn.",
  "x-event-type": "trading.order_cancelled",
  "x-summary": "Order {payload.order_id} ({payload.symbol}) was cancelled: {payload.reason}",
  "type": "object",
  "properties": {
    "order_id": {
      "type": "string",
      "minLength": 1,
      "description": "The order's id at the venue."
    },
    "symbol": {
      "type": "string",
      "minLength": 1,
      "description": "What is traded, such as BTC-USD."
    },
    "venue": {
      "type": "string",
      "minLength": 1,
      "description": "Exchange, broker or chain."
    },
    "reason": {
      "type": "string",
      "enum": [
        "user",
        "strategy",
        "expired",
        "venue",
        "risk_limit"
      ],
      "description": "What ended it."
    },
    "filled_quantity": {
      "type": "number",
      "minimum": 0,
      "description": "Filled until then."
    },
    "cancelled_quantity": {
      "type": "number",
      "minimum": 0,
      "description": "Left and withdrawn."
    },
    "detail": {
      "type": "string",
      "description": "What else the venue said."
    }
  },
  "required": [
    "order_id",
    "symbol",
    "reason"
  ],
  "examples": [
    {
      "order_id": "o-1",
      "symbol": "BTC-USD",
      "reason": "user",
      "filled_quantity": 0.1,
      "cancelled_quantity": 0.15
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'trading.order_filled',
    schema_version => 1,
    catalog => 'trading',
    publish => true,
    description => 'Emit for every fill of an order, partial or full.',
    summary => 'Order {payload.order_id}: {payload.side} {payload.quantity} {payload.symbol} at {payload.price} filled',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "trading.order_filled",
  "description": "Emit for every fill of an order, partial or full.",
  "x-event-type": "trading.order_filled",
  "x-summary": "Order {payload.order_id}: {payload.side} {payload.quantity} {payload.symbol} at {payload.price} filled",
  "type": "object",
  "properties": {
    "order_id": {
      "type": "string",
      "minLength": 1,
      "description": "The order's id at the venue."
    },
    "symbol": {
      "type": "string",
      "minLength": 1,
      "description": "What is traded, such as BTC-USD."
    },
    "venue": {
      "type": "string",
      "minLength": 1,
      "description": "Exchange, broker or chain."
    },
    "side": {
      "type": "string",
      "enum": [
        "buy",
        "sell"
      ],
      "description": "Which way."
    },
    "fill_id": {
      "type": "string",
      "minLength": 1,
      "description": "The fill's id at the venue."
    },
    "quantity": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "How much was filled now."
    },
    "price": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "Price of this fill, in the quote."
    },
    "old_filled_quantity": {
      "type": "number",
      "minimum": 0,
      "description": "Filled before."
    },
    "new_filled_quantity": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "Filled after."
    },
    "is_complete": {
      "type": "boolean",
      "description": "Whether nothing is left to fill."
    },
    "fee": {
      "type": "number",
      "description": "Fee paid; negative for a rebate."
    },
    "fee_currency": {
      "type": "string",
      "minLength": 1,
      "description": "What the fee was paid in."
    }
  },
  "required": [
    "order_id",
    "symbol",
    "side",
    "quantity",
    "price",
    "old_filled_quantity",
    "new_filled_quantity",
    "is_complete"
  ],
  "examples": [
    {
      "order_id": "o-1",
      "symbol": "BTC-USD",
      "side": "buy",
      "quantity": 0.1,
      "price": 68250.5,
      "old_filled_quantity": 0,
      "new_filled_quantity": 0.1,
      "is_complete": false,
      "fee": 6.83,
      "fee_currency": "USD"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'trading.order_placed',
    schema_version => 1,
    catalog => 'trading',
    publish => true,
    description => 'Emit when an order is sent to a venue, with aggregate order/<order id>.',
    summary => 'Order {payload.order_id} was placed: {payload.side} {payload.quantity} {payload.symbol}, {payload.order_type}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "trading.order_placed",
  "description": "Emit when an order is sent to a venue, with aggregate order/<order id>.",
  "x-event-type": "trading.order_placed",
  "x-summary": "Order {payload.order_id} was placed: {payload.side} {payload.quantity} {payload.symbol}, {payload.order_type}",
  "type": "object",
  "properties": {
    "order_id": {
      "type": "string",
      "minLength": 1,
      "description": "The order's id at the venue."
    },
    "symbol": {
      "type": "string",
      "minLength": 1,
      "description": "What is traded, such as BTC-USD."
    },
    "venue": {
      "type": "string",
      "minLength": 1,
      "description": "Exchange, broker or chain."
    },
    "side": {
      "type": "string",
      "enum": [
        "buy",
        "sell"
      ],
      "description": "Which way."
    },
    "order_type": {
      "type": "string",
      "enum": [
        "market",
        "limit",
        "stop",
        "stop_limit"
      ],
      "description": "How it is to be filled."
    },
    "quantity": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "How much, in units of the base."
    },
    "limit_price": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "Worst price accepted, in the quote."
    },
    "stop_price": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "Price that sets it off, in the quote."
    },
    "time_in_force": {
      "type": "string",
      "enum": [
        "day",
        "gtc",
        "ioc",
        "fok"
      ],
      "description": "How long it stands."
    },
    "client_order_id": {
      "type": "string",
      "minLength": 1,
      "description": "The caller's own id."
    },
    "strategy": {
      "type": "string",
      "minLength": 1,
      "description": "What decided to place it."
    }
  },
  "required": [
    "order_id",
    "symbol",
    "side",
    "order_type",
    "quantity"
  ],
  "examples": [
    {
      "order_id": "o-1",
      "symbol": "BTC-USD",
      "venue": "example",
      "side": "buy",
      "order_type": "limit",
      "quantity": 0.25,
      "limit_price": 68250.5,
      "time_in_force": "gtc"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'trading.position_closed',
    schema_version => 1,
    catalog => 'trading',
    publish => true,
    description => 'Emit when a position is closed, in whole or in part.',
    summary => 'Position {payload.position_id} ({payload.symbol}) was closed at {payload.exit_price}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "trading.position_closed",
  "description": "Emit when a position is closed, in whole or in part.",
  "x-event-type": "trading.position_closed",
  "x-summary": "Position {payload.position_id} ({payload.symbol}) was closed at {payload.exit_price}",
  "type": "object",
  "properties": {
    "position_id": {
      "type": "string",
      "minLength": 1,
      "description": "The position's id."
    },
    "symbol": {
      "type": "string",
      "minLength": 1,
      "description": "What is traded, such as BTC-USD."
    },
    "venue": {
      "type": "string",
      "minLength": 1,
      "description": "Exchange, broker or chain."
    },
    "direction": {
      "type": "string",
      "enum": [
        "long",
        "short"
      ],
      "description": "Which way it gains."
    },
    "old_quantity": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "How much was open."
    },
    "new_quantity": {
      "type": "number",
      "minimum": 0,
      "description": "How much stays open; 0 is closed."
    },
    "exit_price": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "Average price got, in the quote."
    },
    "realized_pnl": {
      "type": "number",
      "description": "Gain or loss, in the quote."
    },
    "reason": {
      "type": "string",
      "enum": [
        "user",
        "strategy",
        "take_profit",
        "stop_loss",
        "liquidation",
        "expiry"
      ],
      "description": "What closed it."
    },
    "fee": {
      "type": "number",
      "description": "Fee paid; negative for a rebate."
    },
    "fee_currency": {
      "type": "string",
      "minLength": 1,
      "description": "What the fee was paid in."
    }
  },
  "required": [
    "position_id",
    "symbol",
    "direction",
    "old_quantity",
    "new_quantity",
    "exit_price"
  ],
  "examples": [
    {
      "position_id": "p-3",
      "symbol": "BTC-USD",
      "direction": "long",
      "old_quantity": 0.1,
      "new_quantity": 0,
      "exit_price": 70010,
      "realized_pnl": 175.95,
      "reason": "take_profit"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'trading.position_opened',
    schema_version => 1,
    catalog => 'trading',
    publish => true,
    description => 'Emit when a position is opened, with aggregate position/<position id>.',
    summary => 'Position {payload.position_id} was opened: {payload.direction} {payload.quantity} {payload.symbol} at {payload.entry_price}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "trading.position_opened",
  "description": "Emit when a position is opened, with aggregate position/<position id>.",
  "x-event-type": "trading.position_opened",
  "x-summary": "Position {payload.position_id} was opened: {payload.direction} {payload.quantity} {payload.symbol} at {payload.entry_price}",
  "type": "object",
  "properties": {
    "position_id": {
      "type": "string",
      "minLength": 1,
      "description": "The position's id."
    },
    "symbol": {
      "type": "string",
      "minLength": 1,
      "description": "What is traded, such as BTC-USD."
    },
    "venue": {
      "type": "string",
      "minLength": 1,
      "description": "Exchange, broker or chain."
    },
    "direction": {
      "type": "string",
      "enum": [
        "long",
        "short"
      ],
      "description": "Which way it gains."
    },
    "quantity": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "How much."
    },
    "entry_price": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "Average price paid, in the quote."
    },
    "leverage": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "Leverage; 1 is none."
    },
    "margin": {
      "type": "number",
      "minimum": 0,
      "description": "Margin posted, in the quote."
    }
  },
  "required": [
    "position_id",
    "symbol",
    "direction",
    "quantity",
    "entry_price"
  ],
  "examples": [
    {
      "position_id": "p-3",
      "symbol": "BTC-USD",
      "direction": "long",
      "quantity": 0.1,
      "entry_price": 68250.5,
      "leverage": 1
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'trading.setting_changed',
    schema_version => 1,
    catalog => 'trading',
    publish => true,
    description => 'Emit when a limit, a strategy''s parameter or another trading setting changes.',
    summary => 'Setting {payload.setting} went from {payload.old_value} to {payload.new_value}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "trading.setting_changed",
  "description": "Emit when a limit, a strategy's parameter or another trading setting changes.",
  "x-event-type": "trading.setting_changed",
  "x-summary": "Setting {payload.setting} went from {payload.old_value} to {payload.new_value}",
  "type": "object",
  "properties": {
    "setting": {
      "type": "string",
      "minLength": 1,
      "description": "Name of the setting."
    },
    "old_value": {
      "description": "Value before; null if unset."
    },
    "new_value": {
      "description": "Value after; null if unset."
    },
    "account_id": {
      "type": "string",
      "minLength": 1,
      "description": "Account it applies to; all if left out."
    },
    "reason": {
      "type": "string",
      "description": "Why."
    }
  },
  "required": [
    "setting",
    "old_value",
    "new_value"
  ],
  "examples": [
    {
      "setting": "max_order_notional",
      "old_value": 5000,
      "new_value": 10000,
      "account_id": "a-1"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'trading.trade_executed',
    schema_version => 1,
    catalog => 'trading',
    publish => true,
    description => 'Emit when a trade is settled, with both of its legs.',
    summary => 'Trade {payload.trade_id}: {payload.side} {payload.quantity} {payload.symbol} at {payload.price}',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "trading.trade_executed",
  "description": "Emit when a trade is settled, with both of its legs.",
  "x-event-type": "trading.trade_executed",
  "x-summary": "Trade {payload.trade_id}: {payload.side} {payload.quantity} {payload.symbol} at {payload.price}",
  "type": "object",
  "properties": {
    "trade_id": {
      "type": "string",
      "minLength": 1,
      "description": "The trade's id."
    },
    "order_id": {
      "type": "string",
      "minLength": 1,
      "description": "The order it belongs to."
    },
    "symbol": {
      "type": "string",
      "minLength": 1,
      "description": "What is traded, such as BTC-USD."
    },
    "venue": {
      "type": "string",
      "minLength": 1,
      "description": "Exchange, broker or chain."
    },
    "side": {
      "type": "string",
      "enum": [
        "buy",
        "sell"
      ],
      "description": "Which way."
    },
    "quantity": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "How much, in units of the base."
    },
    "price": {
      "type": "number",
      "exclusiveMinimum": 0,
      "description": "Price, in the quote."
    },
    "notional": {
      "type": "number",
      "minimum": 0,
      "description": "Quantity times price, in the quote."
    },
    "transaction_hash": {
      "type": "string",
      "minLength": 1,
      "description": "Transaction on the chain."
    },
    "fee": {
      "type": "number",
      "description": "Fee paid; negative for a rebate."
    },
    "fee_currency": {
      "type": "string",
      "minLength": 1,
      "description": "What the fee was paid in."
    },
    "executed_at": {
      "type": "string",
      "format": "date-time",
      "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
      "description": "When the venue executed it (ISO 8601 with offset)."
    }
  },
  "required": [
    "trade_id",
    "symbol",
    "side",
    "quantity",
    "price"
  ],
  "examples": [
    {
      "trade_id": "t-9",
      "order_id": "o-1",
      "symbol": "BTC-USD",
      "side": "buy",
      "quantity": 0.1,
      "price": 68250.5,
      "notional": 6825.05,
      "executed_at": "2026-11-20T09:15:02Z"
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'trading.wallet_connected',
    schema_version => 1,
    catalog => 'trading',
    publish => true,
    description => 'Emit when a wallet is connected; never put its keys into the payload.',
    summary => 'Wallet {payload.wallet_address} on {payload.chain} was connected',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "trading.wallet_connected",
  "description": "Emit when a wallet is connected; never put its keys into the payload.",
  "x-event-type": "trading.wallet_connected",
  "x-summary": "Wallet {payload.wallet_address} on {payload.chain} was connected",
  "type": "object",
  "properties": {
    "wallet_address": {
      "type": "string",
      "minLength": 1,
      "description": "Public address."
    },
    "chain": {
      "type": "string",
      "minLength": 1,
      "description": "Chain or network."
    },
    "wallet_type": {
      "type": "string",
      "minLength": 1,
      "description": "Software or device."
    },
    "permissions": {
      "type": "array",
      "items": {
        "type": "string",
        "minLength": 1
      },
      "description": "What was allowed."
    }
  },
  "required": [
    "wallet_address",
    "chain"
  ],
  "examples": [
    {
      "wallet_address": "0x52908400098527886E0F7030069857D2E4169EE7",
      "chain": "ethereum",
      "wallet_type": "hardware",
      "permissions": [
        "view",
        "sign_orders"
      ]
    }
  ]
}
$json$
  );

  perform ledger.register_event_type(
    event_type => 'trading.wallet_disconnected',
    schema_version => 1,
    catalog => 'trading',
    publish => true,
    description => 'Emit when a wallet is disconnected.',
    summary => 'Wallet {payload.wallet_address} on {payload.chain} was disconnected',
    schema => $json$
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "trading.wallet_disconnected",
  "description": "Emit when a wallet is disconnected.",
  "x-event-type": "trading.wallet_disconnected",
  "x-summary": "Wallet {payload.wallet_address} on {payload.chain} was disconnected",
  "type": "object",
  "properties": {
    "wallet_address": {
      "type": "string",
      "minLength": 1,
      "description": "Public address."
    },
    "chain": {
      "type": "string",
      "minLength": 1,
      "description": "Chain or network."
    },
    "wallet_type": {
      "type": "string",
      "minLength": 1,
      "description": "Software or device."
    },
    "reason": {
      "type": "string",
      "enum": [
        "user",
        "timeout",
        "revoked",
        "error"
      ],
      "description": "What ended it."
    }
  },
  "required": [
    "wallet_address",
    "chain"
  ],
  "examples": [
    {
      "wallet_address": "0x52908400098527886E0F7030069857D2E4169EE7",
      "chain": "ethereum",
      "reason": "user"
    }
  ]
}
$json$
  );
end
$catalog$;

-- from sql/partition/first_partitions.sql
-- Partitions for now and as many ahead as partition_settings says.
do $$
begin
  perform ledger.ensure_partitions();
end
$$;

-- from sql/guard/event_triggers.sql
-- The ledger works without event triggers, which only a superuser can create; doctor() says so
-- then. Stands after grants.sql: from here on, objects of the ledger change in maintenance windows
-- only.
do $$
begin
  if (select r.rolsuper from pg_roles as r where r.rolname = current_user) then
    perform ledger_guard.create_event_triggers();
  end if;
end
$$;

-- reset of sql/install.sql#1
set local check_function_bodies to default;

-- reset of sql/install.sql#2
set local client_min_messages to default;
