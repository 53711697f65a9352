-- The holds that bind now. Row-level security of the table decides whose a reader sees.
create or replace view ledger.active_holds
with (security_barrier = true, security_invoker = true) as
select
  h.tenant_id,
  h.id,
  h.aggregate_type,
  h.aggregate_id,
  h.correlation_id,
  h.subject_id,
  h.from_time,
  h.to_time,
  h.reason,
  h.placed_by,
  h.placed_at,
  h.until_time
from ledger.legal_holds as h
where h.released_at is null and coalesce(h.until_time > statement_timestamp(), true);

comment on view ledger.active_holds is
  'The legal holds that bind now: neither released nor past their until_time.';
