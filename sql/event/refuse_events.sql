-- A batch must be an array of objects with known keys: a misspelt key would otherwise be lost
-- without a word.
create or replace function ledger.refuse_events(events jsonb)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys constant text[] := array(
    select a.attname::text
    from pg_attribute as a
    join pg_class as c on c.oid = a.attrelid
    where c.oid = 'ledger.event_input'::regclass and a.attnum > 0 and not a.attisdropped
  );
  v_position bigint;
  v_event jsonb;
begin
  if jsonb_typeof(refuse_events.events) is distinct from 'array' then
    raise exception using errcode = 'LG009', message = 'events must be a JSON array of objects';
  end if;
  select e.ordinality - 1, e.value into v_position, v_event
  from jsonb_array_elements(refuse_events.events) with ordinality as e
  where case when jsonb_typeof(e.value) = 'object' then e.value - v_keys <> '{}' else true end
  limit 1;
  if found then
    raise exception using
      errcode = 'LG009',
      message = case
        when jsonb_typeof(v_event) <> 'object'
          then format('element %s of events is no object', v_position)
        else format('element %s of events has a key that emit_event does not know', v_position)
      end,
      detail = case
        when jsonb_typeof(v_event) <> 'object' then format('it is a JSON %s', jsonb_typeof(v_event))
        else (select string_agg(k, ', ') from jsonb_object_keys(v_event - v_keys) as k)
      end,
      hint = 'Keys are the parameter names of ledger.emit_event, but for tenant_id, which is one '
        'for the batch.';
  end if;
end
$$;

comment on function ledger.refuse_events(jsonb) is
  'Part of emit_events(): LG009 unless events is an array of objects with known keys.';
