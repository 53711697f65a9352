-- What claim_outbox() hands out.
create type ledger.outbox_claim as (
  relay text,
  tenant_id text,
  token bigint,
  after_position bigint,
  through_position bigint,
  retries bigint[]  -- noqa: LT01
);

comment on type ledger.outbox_claim is
  'Messages that a worker may deliver while its lease lasts: those at after_position < position <= '
  'through_position, and the parked ones at the positions retries. ledger.read_outbox() gives them.';
comment on column ledger.outbox_claim.token is
  'Fencing token: ledger.confirm_outbox() and ledger.fail_outbox() ask for it.';
