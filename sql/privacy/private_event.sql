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
