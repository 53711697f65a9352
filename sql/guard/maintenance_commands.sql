-- What was changed in a maintenance window, command by command. Recorded where event triggers
-- exist.
create table ledger_guard.maintenance_commands (
  xact_id xid8 not null,
  opened_at timestamptz not null,
  ordinal int not null,
  executed_at timestamptz not null default clock_timestamp(),
  command_tag text not null,
  object text not null,
  relation oid,
  primary key (xact_id, opened_at, ordinal)
);

comment on table ledger_guard.maintenance_commands is
  'DDL commands on objects of the ledger, per maintenance window.';
comment on column ledger_guard.maintenance_commands.relation is
  'The table it was about; the check at commit looks at it again.';
