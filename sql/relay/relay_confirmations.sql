-- When a relay said up to where it had delivered: a row for each confirm_outbox(), that is for a
-- thousand messages where there are many. It answers when a message went out without an UPDATE per
-- message.
create table ledger.relay_confirmations (
  tenant_id text collate "C" not null,
  relay text collate "C" not null,
  through_position bigint not null,
  confirmed_at timestamptz not null,
  primary key (tenant_id, relay, through_position)
);

comment on table ledger.relay_confirmations is
  'Up to which position a relay had delivered, and when; purged with the outbox.';
