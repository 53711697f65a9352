-- The events of an export after one of them, in time order, as find_events() finds them: the end of
-- a statement. None is younger than the export, so that export_has_event() can say later which they
-- were. Within a stream, sequence is time order. Times are quoted in ISO form: under another
-- datestyle the caller's abbreviation of a time zone could be read as another zone's.
create or replace function ledger.export_range(export ledger.agent_events, after_id uuid)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set datestyle = 'ISO, YMD'
as $$
declare
  v_filters jsonb := export.payload -> 'filters';
  v_is_stream boolean := v_filters ?& '{aggregate_type,aggregate_id}';
  v_after_time timestamptz := ledger.event_time(export_range.after_id);
  v_after_sequence bigint;
begin
  if export_range.after_id is not null and v_after_time is null then
    raise exception using
      errcode = 'LG009',
      message = format('after_id %s is no event id', export_range.after_id),
      hint = 'after_id is the id of the last event of the previous page.';
  end if;
  if v_is_stream then
    select e.sequence into v_after_sequence
    from ledger.events as e
    where e.tenant_id = export.tenant_id
      and e.created_at = v_after_time
      and e.id = export_range.after_id
      and e.aggregate_type = v_filters ->> 'aggregate_type'
      and e.aggregate_id = v_filters ->> 'aggregate_id';
  end if;
  return concat(
    format(
      ' from ledger.events as e where e.tenant_id = %L and e.created_at <= %L',
      export.tenant_id, export.created_at
    ),
    ledger.export_conditions(v_filters),
    case
      when export_range.after_id is not null then format(
        ' and e.created_at >= %1$L and (e.created_at, e.id) > (%1$L, %2$L)',
        v_after_time, export_range.after_id
      )
    end,
    ' and e.sequence > ' || v_after_sequence,
    ' order by ', case when v_is_stream then 'e.sequence' else 'e.created_at, e.id' end
  );
end
$$;

comment on function ledger.export_range(ledger.agent_events, uuid) is
  'Part of export_events(): the events of an export after one of them, as the end of a statement.';
