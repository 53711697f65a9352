-- Which function folds the events of an aggregate type into its state; shared by all tenants, like
-- event types. Types without a row take that of '*', and ledger.merge_event() where there is none.
create table ledger.reducers (
  aggregate_type text collate "C" primary key,
  reducer text not null,
  initial jsonb not null,
  upcast boolean not null,
  fingerprint bytea not null,
  registered_at timestamptz not null default clock_timestamp(),
  registered_by name not null
);

comment on table ledger.reducers is
  'The function that folds the events of an aggregate type; see ledger.register_reducer().';
comment on column ledger.reducers.aggregate_type is '* = every type without a row of its own.';
comment on column ledger.reducers.reducer is
  'Its signature, such as app.fold_deal(jsonb, ledger.events).';
comment on column ledger.reducers.initial is 'The state before the first event.';
comment on column ledger.reducers.upcast is
  'Whether it takes payloads as of the current schema version, or as they were emitted.';
comment on column ledger.reducers.fingerprint is
  'SHA-256 over the function''s definition, initial and upcast, when it was registered.';
