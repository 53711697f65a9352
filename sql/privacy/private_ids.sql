-- The events with private data that a person's id, or an event's own, stands for.
create or replace function ledger.private_ids(tenant_id text, subject_id text, event_id uuid)
returns uuid[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if num_nonnulls(private_ids.subject_id, private_ids.event_id) <> 1 then
    raise exception using
      errcode = 'LG009',
      message = 'give a subject_id or an event_id, one of the two',
      hint = 'subject_id means all private data about a person, event_id that of one event.';
  end if;
  return array(
    select p.event_id
    from ledger.event_private as p
    where p.tenant_id = private_ids.tenant_id and p.event_id = private_ids.event_id
    union all
    select p.event_id
    from ledger.event_private as p
    where p.tenant_id = private_ids.tenant_id and p.subject_id = private_ids.subject_id
    order by 1
  );
end
$$;

comment on function ledger.private_ids(text, text, uuid) is
  'Part of read_private() and erase_private(): the events with private data that are meant.';
