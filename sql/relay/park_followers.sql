-- Parks the messages of a range that belong to an aggregate of which another message is parked:
-- they wait their turn behind it.
create or replace function ledger.park_followers(
  relay text,
  tenant_id text,
  after_position bigint,
  through_position bigint
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
as $$
#variable_conflict use_column
begin
  if not exists (
    select
    from ledger.relay_parked as p
    where p.tenant_id = park_followers.tenant_id
      and p.relay = park_followers.relay
      and p.aggregate_id is not null
      and p.published_at is null
      and not p.is_dead
  ) then
    return;
  end if;

  insert into ledger.relay_parked (
    tenant_id, relay, position, event_id, created_at, aggregate_type, aggregate_id
  )
  select
    park_followers.tenant_id, r.relay, o.position, o.id, o.created_at, o.aggregate_type,
    o.aggregate_id
  from ledger.relays as r
  cross join ledger.outbox_range(
    park_followers.tenant_id, park_followers.after_position, park_followers.through_position
  ) as o
  where r.relay = park_followers.relay
    and (r.event_types is null or o.event_type = any(r.event_types))
    and exists (
      select
      from ledger.relay_parked as p
      where p.tenant_id = park_followers.tenant_id
        and p.relay = park_followers.relay
        and p.aggregate_type = o.aggregate_type
        and p.aggregate_id = o.aggregate_id
        and p.published_at is null
        and not p.is_dead
        and p.position < o.position
    )
  on conflict do nothing;
end
$$;

comment on function ledger.park_followers(text, text, bigint, bigint) is
  'Part of the relay: parks messages of a range behind a parked one of their aggregate.';
