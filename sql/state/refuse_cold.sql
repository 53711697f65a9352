-- Says which events of a part of a log are in cold files (LG016), and how they come back. Called
-- after the events were read, so that a partition that went meanwhile is noticed.
create or replace function ledger.refuse_cold(
  tenant_id text,
  after_position bigint,
  through_position bigint
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_part int8range := int8range(
    refuse_cold.after_position, refuse_cold.through_position, '(]'
  );
  v_cold int8multirange :=
    ledger.cold_positions(refuse_cold.tenant_id) * int8multirange(v_part);
  v_positions text;
  v_partitions text;
begin
  if isempty(v_cold) then
    return;
  end if;
  select string_agg(format('%s to %s', lower(r), upper(r) - 1), ', ' order by r)
  into v_positions
  from unnest(v_cold) as r;
  select string_agg(p.partition_name::text, ', ' order by p.from_time)
  into v_partitions
  from ledger.partitions as p
  where p.tier in ('cold', 'dropped')
    and exists (
      select
      from ledger.cold_ranges as r
      where r.tenant_id = refuse_cold.tenant_id
        and r.partition_name = p.partition_name
        and r.positions && v_part
    );
  raise exception using
    errcode = 'LG016',
    message = format(
      'events of tenant %s are not in the database: positions %s',
      refuse_cold.tenant_id, v_positions
    ),
    detail = format('Partitions in cold files: %s.', v_partitions),
    hint = 'agent-events cold restore PARTITION brings one back; after_position begins after them.';
end
$$;

comment on function ledger.refuse_cold(text, bigint, bigint) is
  'Part of replay_log(): raises LG016 that names the positions whose events are in cold files.';
