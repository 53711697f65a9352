-- What every event about a partition says of it.
create or replace function ledger.partition_payload(partition ledger.partitions, new_tier text)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
return jsonb_build_object(
  'partition_name', (partition).partition_name,
  'parent_name', (partition).parent_name,
  'from_time', to_char((partition).from_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'to_time', to_char((partition).to_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
  'old_tier', (partition).tier,
  'new_tier', new_tier
);

comment on function ledger.partition_payload(ledger.partitions, text) is
  'Part of the events about partitions: which it is, and where it goes.';
