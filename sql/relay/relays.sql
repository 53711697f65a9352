-- Who takes messages out: one row per destination. A relay is made with its first claim_outbox(), or
-- by set_relay(), and is the same for all tenants; where it stands is in relay_cursors.
create table ledger.relays (
  relay text collate "C" primary key check (relay ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
  is_for_all boolean not null default false,
  event_types text[] check (event_types <> '{}'),
  max_attempts int not null default 10 check (max_attempts between 1 and 1000),
  min_backoff interval not null default interval '1 second' check (min_backoff > interval '0'),
  max_backoff interval not null default interval '1 hour' check (max_backoff >= min_backoff),
  created_at timestamptz not null default clock_timestamp(),
  created_by name not null
);

comment on table ledger.relays is
  'Every destination of the outbox and its settings; change them with ledger.set_relay().';
comment on column ledger.relays.is_for_all is
  'It serves every tenant, also those that are still to come; else those it has a cursor for.';
comment on column ledger.relays.event_types is
  'What it delivers; NULL = every message. The others count as delivered.';
comment on column ledger.relays.max_attempts is
  'After so many failed attempts a message is dead.';
comment on column ledger.relays.min_backoff is
  'Pause after a first failed attempt; it doubles with each, up to max_backoff, and is jittered.';
