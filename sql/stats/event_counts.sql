-- How many events there were: per tenant and hour, day, and in all, by type and by outcome; by actor
-- per day and in all, since actors are many. Derived from the log by count_events(), up to the
-- position in count_cursors, each sealed event once. All times are UTC.
create table ledger.event_counts (
  tenant_id text collate "C" not null,
  dimension text collate "C" not null check (dimension in ('type', 'outcome', 'actor')),
  period text collate "C" not null check (period in ('hour', 'day', 'all')),
  period_start timestamptz not null,
  value text collate "C" not null,
  events bigint not null,
  payload_bytes bigint not null,
  primary key (tenant_id, dimension, period, period_start, value)
) with (fillfactor = 80);

-- The most frequent types and actors, however many there are.
create index event_counts_top on ledger.event_counts (tenant_id, dimension, events)
where period = 'all';

comment on table ledger.event_counts is
  'Events per tenant, period and type, outcome or actor, up to ledger.count_cursors.position. The '
  'views ledger.events_per_day and so on read better.';
comment on column ledger.event_counts.period_start is
  'Beginning of the hour or day by created_at, in UTC; -infinity for all time.';
comment on column ledger.event_counts.value is
  'Event type; outcome; actor as type:id. Empty: an event without.';
comment on column ledger.event_counts.payload_bytes is
  'Size of the payloads as they were stored, maybe compressed.';
