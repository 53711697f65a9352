-- The innermost part of an export's statement: a page of events; unredacted with private data put
-- back.
create or replace function ledger.export_page(
  export ledger.agent_events,
  after_id uuid,
  page_size int
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_range text := ledger.export_range(export, export_page.after_id);
begin
  perform ledger.require_page_size(export_page.page_size, 100000);
  if (export.payload -> 'is_redacted')::boolean then
    return format(
      'select e.*, e.payload as whole, e.payload::text as payload_text, null::jsonb as private '
      '%s limit %s',
      v_range, export_page.page_size
    );
  end if;
  return format(
    $page$
    with page as materialized (select e.*, row_number() over () as n from (
      select e.* %1$s limit %2$s
    ) as e)
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
        %3$L, (select array_agg(g.id) from page as g where g.private_hash is not null), %4$L
      ) as p on p.event_id = e.id
      order by e.n
      offset 0
    ) as e
    $page$,
    v_range, export_page.page_size, export.id, export.tenant_id
  );
end
$$;

comment on function ledger.export_page(ledger.agent_events, uuid, int) is
  'Part of export_query(): the events of a page, as SQL.';
