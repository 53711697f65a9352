-- One event in a sentence, as its type's summary puts it.
create or replace function ledger.describe_event(event ledger.events)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_summary text;
  v_description text;
begin
  if event.id is null then
    return null;
  end if;
  select t.summary into v_summary
  from ledger.event_types as t
  where t.event_type = event.event_type;
  execute format('select %s from (select ($1).*) as e', ledger.summary_expression(v_summary))
  into v_description
  using event;
  return v_description;
end
$$;

comment on function ledger.describe_event(ledger.events) is
  'An event in a sentence: select e.created_at, ledger.describe_event(e) from ledger.events as e. '
  'The summary is given to ledger.register_event_type(); without one: type, aggregate, actor and '
  'outcome.';
