-- Everything that was ever emitted, wherever it is kept now. Row-level security of the tables
-- decides what a reader sees; the planner looks through the view, so partitions are pruned and
-- orders come from indexes.
create or replace view ledger.events
with (security_barrier = true, security_invoker = true) as
select e.*, 'hot'::text as tier from ledger.agent_events as e  -- noqa: AM04
union all
select e.*, 'archive'::text as tier from ledger.agent_events_archive as e;

comment on view ledger.events is
  'The events that you may read, hot and archived: select * from ledger.events where '
  'aggregate_type = ''deal'' order by created_at desc limit 20.';
comment on column ledger.events.tier is 'Where the event is kept now: hot or archive.';
