-- The private data of events that an unredacted export gives out: for who began it, with the
-- privilege still, and of no other events than those that the export says.
create or replace function ledger.export_private(
  export_id uuid,
  event_ids uuid[],
  tenant_id text
)
returns table (event_id uuid, private jsonb)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_started ledger.agent_events :=
    ledger.open_export(export_private.export_id, export_private.tenant_id);
  v_ids uuid[];
begin
  perform ledger.require_tenant(v_started.tenant_id, 'privacy');
  if (v_started.payload -> 'is_redacted')::boolean then
    raise exception using
      errcode = 'LG009', message = format('export %s is redacted', export_private.export_id);
  end if;
  execute concat(
    $query$
    select array_agg(e.id)
    from unnest($1) as wanted (id)
    cross join lateral (
      select e.id
      from ledger.events as e
      where e.tenant_id = $2
        and e.created_at = ledger.event_time(wanted.id)
        and e.created_at <= $3
        and e.id = wanted.id
    $query$,
    ledger.export_conditions(v_started.payload -> 'filters'),
    ' offset 0) as e'
  )
  into v_ids
  using export_private.event_ids, v_started.tenant_id, v_started.created_at;
  return query
  select p.event_id, p.private
  from unnest(v_ids) as wanted (id)
  join ledger.event_private as p
    on p.tenant_id = v_started.tenant_id and p.event_id = wanted.id;
end
$$;

comment on function ledger.export_private(uuid, uuid[], text) is
  'Part of export_events(): private data for an unredacted export, which is on record.';
