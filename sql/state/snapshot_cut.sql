-- Which of a page of events is the first to get a snapshot: its ordinal, NULL for none. since_time
-- and since_bytes: when the event of the last snapshot was, and the payloads between.
create or replace function ledger.snapshot_cut(
  policy ledger.snapshot_policy,
  events ledger.events[],
  since_time timestamptz,
  since_bytes bigint
)
returns int
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select min(e.ordinal)::int
  from (
    select
      e.ordinality as ordinal,
      e.sequence,
      e.created_at,
      since_bytes + sum(
        case
          when (policy).every_bytes is not null then octet_length(e.payload::text)
        end
      ) over (order by e.ordinality) as bytes
    from unnest(events) with ordinality as e
  ) as e
  where e.sequence % (policy).every_events = 0
    or e.created_at >= since_time + (policy).every
    or e.bytes >= (policy).every_bytes
$$;

comment on function ledger.snapshot_cut(
  ledger.snapshot_policy, ledger.events[], timestamptz, bigint
) is
  'Part of maintain(): ordinal of the first of some events that gets a snapshot.';
