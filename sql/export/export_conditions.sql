-- The filters of an export as SQL conditions on an event e; those of find_events() (which says why
-- they are put like this), with their values quoted.
create or replace function ledger.export_conditions(filters jsonb)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select string_agg(
    case f.key
      when 'event_types' then format(
        ' and e.event_type = any(%L::text[])',
        array(select t from jsonb_array_elements_text(f.document) as t)
      )
      when 'action_prefix' then format(
        ' and e.event_type collate "C" >= %1$L and e.event_type collate "C" < %1$L || ''~''',
        f.value
      )
      when 'deal_id' then format(' and e.deal_id = %1$L and e.correlation_id = %1$L', f.value)
      when 'from_time' then format(' and e.created_at >= %L', f.value)
      when 'to_time' then format(' and e.created_at < %L', f.value)
      else format(' and e.%I = %L', f.key, f.value)
    end,
    ''
  )
  from (
    select e.key, e.value as document, e.value #>> '{}' as value
    from jsonb_each(export_conditions.filters) as e
  ) as f
$$;

comment on function ledger.export_conditions(jsonb) is
  'Part of export_events(): the filters of an export as SQL conditions.';
