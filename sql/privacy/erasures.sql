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
