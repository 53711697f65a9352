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
