-- What maintenance did: one row per step of a run of maintain(), archive_partition() and the like.
-- maintain() deletes what is older than a year.
create table ledger.maintenance_steps (
  run_id uuid not null,
  ordinal int not null,
  step text not null,
  object name,
  started_at timestamptz not null,
  finished_at timestamptz not null default clock_timestamp(),
  attempts int not null,
  error jsonb,
  run_by name not null,
  primary key (run_id, ordinal)
);

create index maintenance_steps_finished_at on ledger.maintenance_steps (finished_at);

comment on table ledger.maintenance_steps is
  'What ledger.maintain() and its likes did, step by step, for a year: select * from '
  'ledger.maintenance_steps order by finished_at desc limit 20;';
comment on column ledger.maintenance_steps.attempts is
  'More than 1 when the locks were taken; each attempt waits for 100 ms.';
comment on column ledger.maintenance_steps.error is
  'Why the step failed: sqlstate, message, detail, hint; NULL when it did not.';
