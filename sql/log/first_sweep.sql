-- Nothing was emitted before the ledger was installed.
insert into ledger.log_sweep (snapshot, system_identifier)
select ledger.committed_snapshot(), ledger.system_identifier()
on conflict do nothing;
