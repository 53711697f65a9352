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
