-- All that Prometheus is told, in one call: a row per sample. Reads no events but the last of two
-- types; what it costs depends on the number of tenants, types, relays and partitions. Most of it is
-- doctor(), which need not be asked every time. `agent-events metrics` gives the names their help and
-- types.
create or replace function ledger.metrics(
  max_tenants int default 200,
  with_findings boolean default true
)
returns table (name text, labels jsonb, value double precision)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.require_any('*', '{read,operate}');
  return query
  select m.* from ledger.metrics_of_events(metrics.max_tenants) as m
  union all
  select m.* from ledger.metrics_of_delivery() as m
  union all
  select m.* from ledger.metrics_of_storage() as m
  union all
  select m.* from ledger.metrics_of_operation() as m;
  if metrics.with_findings then
    return query
    select
      'doctor_findings',
      jsonb_build_object('severity', d.severity, 'kind', d.kind),
      count(*)::double precision
    from ledger.doctor() as d
    group by d.severity, d.kind;
  end if;
end
$$;

comment on function ledger.metrics(int, boolean) is
  'What `agent-events metrics` exports: name, labels, value. Tenants beyond the max_tenants largest '
  'are added up under an empty name; with_findings => false leaves doctor() out. For readers and operators '
  'of every tenant.';
