-- Whether an event lies in a hold's scope, its subject_id aside: that stands in event_private.
-- Inlined by the planner.
create or replace function ledger.covers(
  hold ledger.legal_holds,
  aggregate_type text,
  aggregate_id text,
  correlation_id uuid,
  created_at timestamptz
)
returns boolean
language sql
immutable
parallel safe
return coalesce((hold).aggregate_type = aggregate_type, (hold).aggregate_type is null)
  and coalesce((hold).aggregate_id = aggregate_id, (hold).aggregate_id is null)
  and coalesce((hold).correlation_id = correlation_id, (hold).correlation_id is null)
  and coalesce((hold).from_time <= created_at, true)
  and coalesce((hold).to_time > created_at, true);

comment on function ledger.covers(ledger.legal_holds, text, text, uuid, timestamptz) is
  'Part of held_by(): whether an event lies in a hold''s scope, but for the subject.';
