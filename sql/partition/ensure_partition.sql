-- Makes the partitions of agent_events and outbox that hold a time, unless they are there.
-- emit_event() calls it when its clock leaves what partition_settings says is covered, so it is
-- quick and locks nothing when there is nothing to make. Else it locks the manifest to the end of
-- the transaction: whoever races waits, then finds the partition.
create or replace function ledger.ensure_partition(at_time timestamptz)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_from_time timestamptz;
  v_to_time timestamptz;
  v_tiers text[];
begin
  select array_agg(p.tier) into v_tiers
  from ledger.partitions as p
  where p.from_time <= ensure_partition.at_time and ensure_partition.at_time < p.to_time;
  if v_tiers = '{hot,hot}' then
    return;
  end if;
  if v_tiers && '{archive,cold,dropped}' then
    raise exception using
      errcode = 'LG007',
      message = format('the partition of %s no longer takes events', ensure_partition.at_time),
      detail = 'It was archived or dropped: select * from ledger.partitions.',
      hint = 'created_at is the server''s clock: is it right?';
  end if;
  if ensure_partition.at_time between '1970-01-01' and '2199-12-31' is not true then
    raise exception using
      errcode = 'LG007',
      message = format(
        'no partition can hold events of %s', coalesce(ensure_partition.at_time::text, 'NULL')
      ),
      detail = 'Partitions are made from 1970 up to 2200.',
      hint = 'created_at is the server''s clock: is it right?';
  end if;

  lock table ledger.partitions in share row exclusive mode;
  select b.from_time, b.to_time into v_from_time, v_to_time
  from ledger.partition_bounds(ensure_partition.at_time) as b;
  perform ledger.create_partition('agent_events', v_from_time, v_to_time);
  perform ledger.create_partition('outbox', v_from_time, v_to_time);
  perform ledger.refresh_coverage();
exception when object_in_use then
  raise exception using
    errcode = 'LG007',
    message = format(
      'the partition of %s is missing and cannot be made while the same query reads the events',
      ensure_partition.at_time
    ),
    detail = sqlerrm,
    hint = 'Have ledger.ensure_partitions() run regularly, or emit in a statement of its own.';
end
$$;

comment on function ledger.ensure_partition(timestamptz) is
  'Makes the partitions that hold events of that time, unless they are there; LG007 for a time '
  'that cannot have one.';
