-- A tenant at a glance, in as many milliseconds at ten million events as at ten: nothing here reads
-- events but the few that are not counted yet. from_time and to_time are about the counts: types and
-- outcomes are counted by the hour, actors by the day, so that is what they are rounded to.
create or replace function ledger.stats(
  tenant_id text default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  with_actors boolean default null
)
returns ledger.statistics
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
  v_stats ledger.statistics;
  v_from constant timestamptz := stats.from_time;
  v_to constant timestamptz := stats.to_time;
  v_midnight constant timestamptz := date_trunc('day', now(), 'UTC');
  v_tenant_id constant text := coalesce(stats.tenant_id, ledger.setting('tenant_id'), 'default');
  v_tail ledger.event_counts[];
begin
  perform ledger.require_any(v_tenant_id, '{read,operate}');
  v_tail := array(select t from ledger.tail_counts(v_tenant_id) as t);
  v_stats := ledger.log_statistics(v_tenant_id, v_tail);
  v_stats.from_time := v_from;
  v_stats.to_time := v_to;

  select coalesce(sum(c.events), 0), coalesce(sum(c.payload_bytes), 0)
  into v_stats.counted, v_stats.payload_bytes
  from ledger.counts_between(v_tenant_id, 'outcome', v_from, v_to, v_tail) as c;
  v_stats.by_type := ledger.ranking(v_tenant_id, 'type', v_from, v_to, v_tail, v_stats.counted);
  v_stats.by_outcome := ledger.ranking(
    v_tenant_id, 'outcome', v_from, v_to, v_tail, v_stats.counted
  );
  if coalesce(stats.with_actors, num_nonnulls(v_from, v_to) = 0) then
    v_stats.by_actor := ledger.ranking(
      v_tenant_id, 'actor', v_from, v_to, v_tail, v_stats.counted
    );
  end if;
  select coalesce(sum(c.events), 0) into v_stats.events_today
  from ledger.counts_between(v_tenant_id, 'outcome', v_midnight, null, v_tail) as c;
  select coalesce(sum(c.events), 0) into v_stats.runs
  from ledger.counts_between(v_tenant_id, 'type', null, null, v_tail) as c
  where c.value = 'run.started';

  select
    coalesce(max(r.lag_messages), 0), coalesce(max(r.lag_seconds), 0),
    coalesce(sum(r.parked), 0), coalesce(sum(r.dead), 0)
  into
    v_stats.outbox_lag_messages, v_stats.outbox_lag_seconds, v_stats.parked, v_stats.dead
  from ledger.relay_status as r
  where r.tenant_id = v_tenant_id;
  select
    coalesce(sum(s.snapshots), 0), coalesce(sum(s.bytes), 0),
    sum(s.replay_ms * s.snapshots) / nullif(sum(s.snapshots), 0)
  into v_stats.snapshots, v_stats.snapshot_bytes, v_stats.replay_ms
  from ledger.snapshot_totals as s
  where s.tenant_id = v_tenant_id;
  if '*' = any(ledger.permitted_for_any('{read,operate}')) then
    v_stats.storage := ledger.storage_by_tier();
  end if;
  return v_stats;
end
$$;

comment on function ledger.stats(text, timestamptz, timestamptz, boolean) is
  'A tenant at a glance: events, sealing, counts by type, outcome and actor between from_time and '
  'to_time (whole hours, for actors days, UTC), lag of the outbox, snapshots; uncounted says what '
  'the counts lack. by_actor of a time only with_actors => true. For readers and operators.';
