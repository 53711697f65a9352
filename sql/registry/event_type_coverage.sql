-- Which types have been seen and which never: the gap report of an audit. Types that were emitted
-- without being registered (tenant policy "open") appear too. Counts what the reader may see.
create or replace view ledger.event_type_coverage
with (security_invoker = true) as
with seen as (
  select
    e.event_type,
    count(*) as event_count,
    min(e.created_at) as first_seen_at,
    max(e.created_at) as last_seen_at
  from ledger.events as e
  group by e.event_type
)

select
  coalesce(t.event_type, s.event_type) as event_type,
  t.catalog,
  t.current_version,
  t.event_type is not null as is_registered,
  s.event_type is not null as is_seen,
  coalesce(s.event_count, 0) as event_count,
  s.first_seen_at,
  s.last_seen_at
from ledger.event_types as t
full join seen as s on s.event_type = t.event_type;

comment on view ledger.event_type_coverage is
  'Every event type, whether it is registered, whether and how often it has been emitted, first '
  'and last time, for the tenants you may read.';
comment on column ledger.event_type_coverage.is_registered is
  'False for a type that was emitted without being registered (tenant policy "open").';
comment on column ledger.event_type_coverage.is_seen is
  'Whether any event of the type is there; false = a gap in the audit trail.';
