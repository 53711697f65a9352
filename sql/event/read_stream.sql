-- A stream in order, hot or archived. The next page begins at the last sequence + 1. With upcast
-- the payloads are no more those that hash covers.
create or replace function ledger.read_stream(
  aggregate_type text,
  aggregate_id text,
  from_sequence bigint default 1,
  page_size int default 1000,
  upcast boolean default false,
  tenant_id text default null
)
returns setof ledger.events
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(read_stream.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  perform ledger.require_page_size(read_stream.page_size);
  if read_stream.upcast then
    return query
    select u.*
    from ledger.read_stream(
      read_stream.aggregate_type,
      read_stream.aggregate_id,
      read_stream.from_sequence,
      read_stream.page_size,
      tenant_id => v_tenant_id
    ) as e
    cross join lateral ledger.upcast_event(e) as u;
    return;
  end if;
  return query
  select e.*
  from ledger.events as e
  where e.tenant_id = v_tenant_id
    and e.aggregate_type = read_stream.aggregate_type
    and e.aggregate_id = read_stream.aggregate_id
    and e.sequence >= coalesce(read_stream.from_sequence, 1)
  order by e.sequence
  limit read_stream.page_size;
end
$$;

comment on function ledger.read_stream(text, text, bigint, int, boolean, text) is
  'Events of one aggregate in order of sequence; next page: from_sequence => last sequence + 1. '
  'upcast lifts payloads to the current version of their types.';
