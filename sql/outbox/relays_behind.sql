-- Who still has to deliver messages of before a time, as far as a look at each cursor can tell: the
-- event it comes to next is older, or a parked message is. That later positions may hold an older
-- event, of a transaction that took long, require_delivered() looks after.
create or replace function ledger.relays_behind(before_time timestamptz)
returns table (relay text, tenant_id text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.relay, t.tenant_id
  from ledger.relay_tenants as t
  where exists (
      select
      from ledger.log_entries as l
      where l.tenant_id = t.tenant_id
        and l.position = t.position + 1
        and l.created_at < relays_behind.before_time
    )
    or exists (
      select
      from ledger.relay_parked as p
      where p.tenant_id = t.tenant_id
        and p.relay = t.relay
        and p.published_at is null
        and p.discarded_at is null
        and p.created_at < relays_behind.before_time
    )
$$;

comment on function ledger.relays_behind(timestamptz) is
  'Part of purging the outbox: relays and tenants with something to deliver from before a time.';
