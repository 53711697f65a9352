-- position_of() without its check of access, for parts of verify(). Where nothing may be sorted, what is
-- wanted in the order of event_id comes from that index, whatever statistics say.
create or replace function ledger.find_position(tenant_id text, event_id uuid)
returns bigint
language sql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_sort = off
as $$
  select l.position
  from ledger.log_entries as l
  where l.tenant_id = find_position.tenant_id
    and l.event_id between find_position.event_id and find_position.event_id
  order by l.event_id
$$;

comment on function ledger.find_position(text, uuid) is
  'Part of verify(): position of an event in a tenant''s log.';
