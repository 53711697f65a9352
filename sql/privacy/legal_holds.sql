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
