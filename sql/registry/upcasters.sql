-- The function that lifts a payload of one version to the next. Named by its signature and not by
-- its oid, so that a dump carries it over. That the versions exist, register_upcaster() checks; they
-- stay.
create table ledger.upcasters (
  event_type varchar(100) collate "C" not null,
  from_version int not null,
  upcaster text not null,
  fingerprint text not null,
  registered_at timestamptz not null default clock_timestamp(),
  registered_by name not null,
  primary key (event_type, from_version)
);

comment on table ledger.upcasters is
  'For versions of event types, the function that lifts a payload to the next version; '
  'ledger.register_upcaster() writes it.';
comment on column ledger.upcasters.upcaster is
  'The function: (payload jsonb) returns jsonb, with its schema.';
comment on column ledger.upcasters.fingerprint is
  'SHA-256 of its definition when it was registered: doctor() says when it is another one now.';
