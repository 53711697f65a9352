-- Messages of the outbox at a range of positions, in order. The page of positions comes first and
-- each message after it by its key: OFFSET 0 leaves the planner no other way, such as to keep all of
-- a partition at hand that was small when it was analyzed. Inlined by the planner.
create or replace function ledger.outbox_range(
  tenant_id text,
  after_position bigint,
  through_position bigint
)
returns table (
  "position" bigint,
  id uuid,
  aggregate_type text,
  aggregate_id text,
  event_type text,
  schema_version int,
  payload jsonb,
  trace_id uuid,
  correlation_id uuid,
  created_at timestamptz,
  headers jsonb
)
language sql
stable
begin atomic
  select
    l.position, o.id, o.aggregate_type, o.aggregate_id, o.event_type::text, o.schema_version,
    o.payload, o.trace_id, o.correlation_id, o.created_at, o.headers
  from (
    select e.position, e.created_at, e.event_id
    from ledger.log_entries as e
    where e.tenant_id = outbox_range.tenant_id
      and e.position > outbox_range.after_position
      and e.position <= outbox_range.through_position
    order by e.position
    offset 0
  ) as l
  cross join lateral (
    select
      m.id, m.aggregate_type, m.aggregate_id, m.event_type, m.schema_version, m.payload,
      m.trace_id, m.correlation_id, m.created_at, m.headers
    from ledger.outbox as m
    where m.tenant_id = outbox_range.tenant_id
      and m.created_at = l.created_at
      and m.id = l.event_id
    offset 0  -- noqa: AM09
  ) as o;
end;

comment on function ledger.outbox_range(text, bigint, bigint) is
  'Part of the relay: messages at positions after_position < position <= through_position.';
