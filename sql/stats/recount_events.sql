-- Forgets the counts of a tenant; count_events(), which maintain() calls, begins anew. For counts that
-- are in doubt, and after restore_cold. Events that are in cold files by then are not counted again:
-- count_cursors.skipped says how many. Locks the cursor; waits for who is counting.
create or replace function ledger.recount_events(tenant_id text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform ledger.require_tenant(recount_events.tenant_id, 'operate');
  delete from ledger.count_cursors as c where c.tenant_id = recount_events.tenant_id;
  delete from ledger.event_counts as c where c.tenant_id = recount_events.tenant_id;
end
$$;

comment on function ledger.recount_events(text) is
  'Forgets a tenant''s counts, so that count_events() begins anew; what is in cold files only is '
  'then not counted. For operators.';
