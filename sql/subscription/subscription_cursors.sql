-- How far each subscription is in its tenant's log. One row is updated again and again: the room on
-- its page lets PostgreSQL do that in place.
create table ledger.subscription_cursors (
  tenant_id text collate "C" not null,
  subscription text collate "C" not null,
  position bigint not null,
  updated_at timestamptz not null,
  primary key (tenant_id, subscription)
) with (fillfactor = 50);

comment on table ledger.subscription_cursors is
  'Where each subscription stands; ledger.save_position() writes it.';
comment on column ledger.subscription_cursors.position is
  'Position of the last event that was dealt with; -1 = none yet.';
