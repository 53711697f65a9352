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
