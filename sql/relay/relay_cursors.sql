-- Where a relay stands in the log of a tenant, and who works there now. One small row is all that
-- delivering a message changes, whatever its size and number.
create table ledger.relay_cursors (
  tenant_id text collate "C" not null,
  relay text collate "C" not null,
  position bigint not null default -1,
  claimed_position bigint not null default -1,
  token bigint not null default 0,
  lease interval not null default interval '0',
  leased_until timestamptz,
  leased_by text,
  claimed_at timestamptz,
  confirmed_at timestamptz,
  primary key (tenant_id, relay),
  check (claimed_position >= position)
) with (fillfactor = 50);

comment on table ledger.relay_cursors is
  'Delivery state of a relay and tenant: the position it reached, and the lease of the worker that '
  'goes on from there. ledger.relay_status shows it with its lag.';
comment on column ledger.relay_cursors.position is
  'Everything up to here is delivered, or parked in ledger.relay_parked; -1 = nothing.';
comment on column ledger.relay_cursors.claimed_position is
  'Everything up to here was handed out under the present lease.';
comment on column ledger.relay_cursors.token is
  'Fencing token of the last lease, the transaction id of its claim: who comes with another one is '
  'too late.';
comment on column ledger.relay_cursors.leased_until is
  'From then on another worker may take over; NULL = it was given back.';
