-- The innermost part of an export's statement: the events of the page after one, in time order, as
-- find_events() finds them; unredacted with private data put back.
create or replace function ledger.export_page(
  export ledger.agent_events,
  after_id uuid,
  page_size int
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_filters jsonb := export.payload -> 'filters';
  v_is_stream boolean := v_filters ?& '{aggregate_type,aggregate_id}';
  v_after_time timestamptz := ledger.event_time(export_page.after_id);
  v_redacted boolean := (export.payload -> 'is_redacted')::boolean;
  v_after_sequence bigint;
  v_page text;
begin
  perform ledger.require_page_size(export_page.page_size, 100000);
  if export_page.after_id is not null and v_after_time is null then
    raise exception using
      errcode = 'LG009',
      message = format('after_id %s is no event id', export_page.after_id),
      hint = 'after_id is the id of the last event of the previous page.';
  end if;
  if v_is_stream then
    select e.sequence into v_after_sequence
    from ledger.events as e
    where e.tenant_id = export.tenant_id
      and e.created_at = v_after_time
      and e.id = export_page.after_id
      and e.aggregate_type = v_filters ->> 'aggregate_type'
      and e.aggregate_id = v_filters ->> 'aggregate_id';
  end if;

  v_page := concat(
    format(
      'select e.*%s from ledger.events as e where e.tenant_id = %L',
      case
        when v_redacted
          then ', e.payload as whole, e.payload::text as payload_text, null::jsonb as private'
      end,
      export.tenant_id
    ),
    ledger.export_conditions(v_filters),
    case
      when export_page.after_id is not null then format(
        ' and e.created_at >= %1$L and (e.created_at, e.id) > (%1$L, %2$L)',
        v_after_time, export_page.after_id
      )
    end,
    ' and e.sequence > ' || v_after_sequence,
    ' order by ', case when v_is_stream then 'e.sequence' else 'e.created_at, e.id' end,
    ' limit ', export_page.page_size
  );
  if v_redacted then
    return v_page;
  end if;
  return format(
    $page$
    with page as materialized (%1$s)
    select e.*, e.whole::text as payload_text
    from (
      select
        e.*,
        nullif(p.private - 'payload', '{}') as private,
        case
          when p.private ? 'payload' then ledger.merge_private(e.payload, p.private -> 'payload')
          else e.payload
        end as whole
      from page as e
      left join ledger.export_private(
        %2$L, (select array_agg(g.id) from page as g where g.private_hash is not null), %3$L
      ) as p on p.event_id = e.id
      order by %4$s
      offset 0
    ) as e
    $page$,
    v_page, export.id, export.tenant_id,
    case when v_is_stream then 'e.sequence' else 'e.created_at, e.id' end
  );
end
$$;

comment on function ledger.export_page(ledger.agent_events, uuid, int) is
  'Part of export_query(): the events of a page, as SQL.';
