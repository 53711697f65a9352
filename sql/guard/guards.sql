-- The guards of every table that exists; partitions made later get theirs from protect_table().
do $$
begin
  perform ledger.protect_table(p.target) from ledger_guard.protected_tables as p;
end
$$;
