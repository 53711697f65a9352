-- Partitions for now and as many ahead as partition_settings says.
do $$
begin
  perform ledger.ensure_partitions();
end
$$;
