-- LG010 unless the partition holds exactly what these tenants say, naming the first tenant and what
-- differs. Reads the whole partition.
create or replace function ledger.refuse_digest(partition_name name, tenants jsonb)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_difference record;
begin
  select
    coalesce(d.tenant_id, t.key) as tenant_id,
    case
      when d.tenant_id is null then 'the partition has no events of it'
      when t.key is null then format('the file has none of its %s events', d.row_count)
      when t.value -> 'row_count' is distinct from to_jsonb(d.row_count)
        then format('row_count is %s, the partition has %s', t.value -> 'row_count', d.row_count)
      when t.value -> 'ranges' is distinct from ledger.range_list(d.ranges)
        then format(
          'ranges are %s, those of the partition %s',
          left((t.value -> 'ranges')::text, 200), left(ledger.range_list(d.ranges)::text, 200)
        )
      when t.value ->> 'root' is distinct from encode(d.root, 'hex')
        then format('root is %s, that of the log %s', t.value ->> 'root', encode(d.root, 'hex'))
    end as reason
  into v_difference
  from ledger.partition_digest(refuse_digest.partition_name) as d
  full join jsonb_each(refuse_digest.tenants) as t on t.key = d.tenant_id
  where (
      to_jsonb(d.row_count), ledger.range_list(d.ranges), to_jsonb(encode(d.root, 'hex'))
    ) is distinct from (t.value -> 'row_count', t.value -> 'ranges', t.value -> 'root')
  order by 1
  limit 1;
  if found then
    raise exception using
      errcode = 'LG010',
      message = format(
        'the file is not what partition %s holds: tenant %s: %s',
        refuse_digest.partition_name, v_difference.tenant_id, v_difference.reason
      ),
      hint = 'Nothing was dropped. `agent-events cold verify` tells what is wrong with the file, '
        'ledger.verify() what is wrong with the log.';
  end if;
end
$$;

comment on function ledger.refuse_digest(name, jsonb) is
  'Part of drop_cold(): LG010 unless a partition holds what its file holds.';
