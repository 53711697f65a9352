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
