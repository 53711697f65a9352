-- Every 1,000 events, unless somebody has decided already.
insert into ledger.snapshot_policy (aggregate_type, every_events)
values ('*', 1000)
on conflict do nothing;
