-- Has pg_partman make the partitions that are due, and takes them into the ledger, in one
-- transaction. pg_partman sets the session's search_path, which outlives the function that called
-- it; so this one puts it back. It runs as the caller and has no search_path of its own, or it
-- could not know it.
create or replace function ledger.run_partman()
returns int
language plpgsql
as $$
declare
  v_search_path constant pg_catalog.text := pg_catalog.current_setting('search_path');
  v_count pg_catalog.int4;
begin
  v_count := ledger.partman_maintenance();
  perform pg_catalog.set_config('search_path', v_search_path, false);
  return v_count;
end
$$;

comment on function ledger.run_partman() is
  'Has pg_partman make the partitions that are due, guarded and in the manifest; returns how many '
  'tables were made. Schedule it daily, beside or instead of ledger.ensure_partitions().';
