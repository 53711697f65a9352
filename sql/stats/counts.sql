-- All counts: the counted, and the few events since then. Row-level security and tail_counts() decide
-- whose a reader sees.
create or replace view ledger.counts
with (security_barrier = true, security_invoker = true) as
select
  c.tenant_id, c.dimension, c.period, c.period_start, c.value, c.events, c.payload_bytes
from ledger.event_counts as c
union all
select
  t.tenant_id, t.dimension, t.period, t.period_start, t.value, t.events, t.payload_bytes
from ledger.tail_counts() as t;

comment on view ledger.counts is
  'ledger.event_counts and, where that is 2,000 events at most, what is not in it yet; add them up: '
  'a value may come twice.';
