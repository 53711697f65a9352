-- Monthly partitions, three ahead, none yet: ensure_partitions() makes the first. Change
-- partition_interval at any time; partitions that exist stay as they are.
insert into ledger.partition_settings (covered_from, covered_until)
select date_trunc('month', now(), 'UTC'), date_trunc('month', now(), 'UTC');

insert into ledger.retention_policy default values;
