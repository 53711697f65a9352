-- What a partition holds, per tenant, as a cold file of it must hold it: how many events, their
-- positions in the log, and the tree hash over these, which comes from the log and not from the
-- rows. LG010 when an event has no position. Reads the whole partition and locks nothing.
create or replace function ledger.partition_digest(partition_name name)
returns table (tenant_id text, row_count bigint, ranges int8multirange, root bytea)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_partition ledger.partitions;
  v_tenant record;
begin
  perform ledger.require_tenant('*', 'operate');
  select p.* into v_partition
  from ledger.partitions as p
  where p.partition_name = partition_digest.partition_name
    and p.parent_name = 'agent_events'
    and p.tier in ('hot', 'archive');
  if not found then
    raise exception using
      errcode = 'LG009',
      message = format(
        'there is no partition %s of agent_events in the database',
        coalesce(partition_digest.partition_name, 'NULL')
      ),
      hint = 'select * from ledger.partition_status; lists them.';
  end if;

  for v_tenant in
    with held as (
      select
        e.tenant_id,
        l.position,
        case when l.position is null then e.id end as unsealed,
        l.position - row_number() over (partition by e.tenant_id order by l.position) as run
      from ledger.events as e
      left join ledger.log_entries as l
        on l.tenant_id = e.tenant_id
        and l.event_id = e.id
        and l.created_at = e.created_at
        and l.created_at >= v_partition.from_time
        and l.created_at < v_partition.to_time
      where e.created_at >= v_partition.from_time and e.created_at < v_partition.to_time
    ),
    runs as (
      select
        h.tenant_id,
        count(*) as row_count,
        min(h.unsealed::text) as unsealed,
        int8range(min(h.position), max(h.position), '[]') as positions
      from held as h
      group by h.tenant_id, h.run
    )
    select
      r.tenant_id,
      sum(r.row_count)::bigint as row_count,
      min(r.unsealed) as unsealed,
      range_agg(r.positions) filter (where r.unsealed is null) as positions
    from runs as r
    group by r.tenant_id
    order by r.tenant_id
  loop
    if v_tenant.unsealed is not null then
      raise exception using
        errcode = 'LG010',
        message = format(
          'event %s of tenant %s in %s has no position in the log',
          v_tenant.unsealed, v_tenant.tenant_id, v_partition.partition_name
        ),
        hint = 'ledger.seal_all() seals what is new; what it leaves was not emitted: '
          'select * from ledger.verify();';
    end if;
    tenant_id := v_tenant.tenant_id;
    row_count := v_tenant.row_count;
    ranges := v_tenant.positions;
    root := ledger.positions_root(v_tenant.tenant_id, v_tenant.positions);
    return next;
  end loop;
end
$$;

comment on function ledger.partition_digest(name) is
  'What a partition holds, per tenant: number of events, their positions in the log, and the RFC '
  '6962 tree hash over them. For operators of every tenant.';
