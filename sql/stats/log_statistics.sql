-- The part of stats() that the log and the cursor say: how many events, since when, and how far they
-- are sealed and counted.
create or replace function ledger.log_statistics(tenant_id text, tail ledger.event_counts[])
returns ledger.statistics
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_stats ledger.statistics;
begin
  v_stats.tenant_id := log_statistics.tenant_id;
  select
    coalesce(sum(l.unsealed), 0),
    coalesce(extract(epoch from clock_timestamp() - min(l.oldest_at)), 0)
  into v_stats.unsealed, v_stats.seal_lag_seconds
  from ledger.seal_lag(log_statistics.tenant_id) as l;
  select h.tree_size, first.created_at, last.created_at
  into v_stats.sealed, v_stats.first_event_at, v_stats.last_event_at
  from ledger.log_heads as h
  left join ledger.log_entries as first on first.tenant_id = h.tenant_id and first.position = 0
  left join ledger.log_entries as last
    on last.tenant_id = h.tenant_id and last.position = h.tree_size - 1
  where h.tenant_id = log_statistics.tenant_id;
  v_stats.sealed := coalesce(v_stats.sealed, 0);
  v_stats.events := v_stats.sealed + v_stats.unsealed;

  select c.position, c.counted_at, c.skipped
  into v_stats.counted_through, v_stats.counted_at, v_stats.skipped
  from ledger.count_cursors as c
  where c.tenant_id = log_statistics.tenant_id;
  v_stats.skipped := coalesce(v_stats.skipped, 0);
  v_stats.counted_through := case
    when log_statistics.tail = '{}' then coalesce(v_stats.counted_through, -1)
    else v_stats.sealed - 1
  end;
  v_stats.uncounted := v_stats.sealed - 1 - v_stats.counted_through;
  return v_stats;
end
$$;

comment on function ledger.log_statistics(text, ledger.event_counts[]) is
  'Part of stats(): how many events, since when, sealed and counted how far.';
