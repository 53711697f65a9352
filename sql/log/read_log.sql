-- The next page of a tenant's log: what everything downstream reads, with one bigint as cursor. The
-- page of positions comes first and the events after it by key, so that a page costs the same
-- anywhere in a log of any size; with types, and past events in cold files, pages are read until one
-- is full or the log is at its end. With upcast the payloads are no more those that hash covers.
create or replace function ledger.read_log(
  after_position bigint default -1,
  page_size int default 1000,
  event_types text[] default null,
  wait interval default null,
  upcast boolean default false,
  tenant_id text default null
)
returns setof ledger.log
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(read_log.tenant_id, ledger.setting('tenant_id'), 'default');
  v_after bigint := coalesce(read_log.after_position, -1);
  v_left int := read_log.page_size;
  v_count bigint;
  v_is_dense boolean := read_log.event_types is null;
  v_page record;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  perform ledger.require_page_size(read_log.page_size);
  if read_log.upcast then
    return query
    select u.*
    from ledger.read_log(
      v_after, read_log.page_size, read_log.event_types, read_log.wait, tenant_id => v_tenant_id
    ) as l
    cross join lateral ledger.upcast_entry(l) as u;
    return;
  end if;
  perform ledger.wait_for_position(v_tenant_id, v_after + 1, read_log.wait);
  loop
    select
      array_agg(l.position order by l.position) as positions,
      array_agg(l.event_id order by l.position) as ids,
      array_agg(l.created_at order by l.position) as times,
      min(l.created_at) as from_time,
      max(l.created_at) as to_time,
      max(l.position) as last_position
    into v_page
    from (
      select l.position, l.event_id, l.created_at
      from ledger.log_entries as l
      where l.tenant_id = v_tenant_id and l.position > v_after
      order by l.position
      limit case when v_is_dense then v_left else 10000 end
    ) as l;
    exit when v_page.positions is null;

    return query
    select p.position, e.*
    from unnest(v_page.positions, v_page.ids, v_page.times) as p (position, id, created_at)
    join ledger.events as e
      on e.tenant_id = v_tenant_id
      and e.created_at between v_page.from_time and v_page.to_time
      and e.created_at = p.created_at
      and e.id = p.id
    where read_log.event_types is null or e.event_type = any(read_log.event_types)
    order by p.position
    limit v_left;
    get diagnostics v_count = row_count;
    v_left := v_left - v_count;
    v_after := v_page.last_position;
    v_is_dense := v_is_dense and v_count = cardinality(v_page.positions);
    exit when v_left = 0 or v_is_dense;
  end loop;
end
$$;

comment on function ledger.read_log(bigint, int, text[], interval, boolean, text) is
  'Sealed events after a position, in order, page_size (1 to 10000) at a time; next page: '
  'after_position => position of the last. event_types filters; wait (at most a minute) waits for '
  'the next position to be sealed; upcast lifts payloads to the current version of their types.';
