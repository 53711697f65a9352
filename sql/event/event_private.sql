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
