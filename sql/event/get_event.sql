-- One event by its id. The id holds the time, so that one partition is looked into and not all of
-- them. With upcast the payload is no more the one that hash covers.
create or replace function ledger.get_event(
  id uuid,
  upcast boolean default false,
  tenant_id text default null
)
returns setof ledger.events
language plpgsql
stable
rows 1
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(get_event.tenant_id, ledger.setting('tenant_id'), 'default');
  v_created_at timestamptz := ledger.event_time(get_event.id);
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  if get_event.upcast then
    return query
    select u.*
    from ledger.get_event(get_event.id, tenant_id => v_tenant_id) as e
    cross join lateral ledger.upcast_event(e) as u;
    return;
  end if;
  return query
  select e.*
  from ledger.events as e
  where e.tenant_id = v_tenant_id and e.created_at = v_created_at and e.id = get_event.id;
end
$$;

comment on function ledger.get_event(uuid, boolean, text) is
  'The event with that id, no row when there is none; upcast lifts its payload to the current '
  'version of its type.';
