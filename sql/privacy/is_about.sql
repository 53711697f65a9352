create or replace function ledger.is_about(tenant_id text, event_id uuid, subject_id text)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
return exists (
  select
  from ledger.event_private as p
  where p.tenant_id = is_about.tenant_id
    and p.event_id = is_about.event_id
    and p.subject_id = is_about.subject_id
);

comment on function ledger.is_about(text, uuid, text) is
  'Part of held_by(): whether an event has private data about that person.';
