-- Says which events of a stream are missing between two sequences (LG016), and how they come back:
-- the partitions in cold files that may hold them.
create or replace function ledger.refuse_gap(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  after_sequence bigint,
  through_sequence bigint,
  events ledger.events[]
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_missing text;
  v_partitions text;
begin
  select string_agg(
    case when lower(r) = upper(r) - 1 then lower(r)::text
      else format('%s to %s', lower(r), upper(r) - 1)
    end,
    ', ' order by lower(r)
  )
  into v_missing
  from unnest(
    int8multirange(
      int8range(refuse_gap.after_sequence, refuse_gap.through_sequence, '(]')
    )
    - coalesce(
      (
        select range_agg(int8range(e.sequence, e.sequence, '[]'))
        from unnest(refuse_gap.events) as e
      ),
      '{}'
    )
  ) as r;
  select string_agg(p.partition_name::text, ', ' order by p.from_time)
  into v_partitions
  from ledger.partitions as p
  where p.tier in ('cold', 'dropped')
    and exists (
      select from ledger.cold_ranges as r
      where r.tenant_id = refuse_gap.tenant_id and r.partition_name = p.partition_name
    );
  raise exception using
    errcode = 'LG016',
    message = format(
      'events of %s/%s are not in the database: sequence %s',
      refuse_gap.aggregate_type, refuse_gap.aggregate_id, v_missing
    ),
    detail = coalesce(
      'Partitions in cold files with events of the tenant: ' || v_partitions || '.',
      'No partition of the tenant is in a cold file.'
    ),
    hint = case
      when v_partitions is null
        then 'Somebody removed them: select * from ledger.verify();'
      else 'agent-events cold restore PARTITION brings one back; a snapshot made before makes that '
        'unnecessary.'
    end;
end
$$;

comment on function ledger.refuse_gap(text, text, text, bigint, bigint, ledger.events[]) is
  'Part of next_events(): raises LG016 that names the sequences that are missing.';
