-- The log as people read it: every sealed event with its position. Row-level security of the
-- tables decides what a reader sees.
create or replace view ledger.log
with (security_barrier = true, security_invoker = true) as
select l.position, e.*  -- noqa: AM04
from ledger.log_entries as l
join ledger.events as e
  on e.tenant_id = l.tenant_id and e.created_at = l.created_at and e.id = l.event_id;

comment on view ledger.log is
  'Sealed events with their positions. Follow it with ledger.read_log().';
comment on column ledger.log.position is 'Position in the tenant''s log, gapless from 0.';
