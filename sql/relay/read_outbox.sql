-- The messages of a claim: those that are tried again, then the new ones in the order of the log.
-- What was parked or delivered since the claim is left out. Locks nothing, so that it may take as
-- long as the client wants. Volatile: in one statement with the claim it sees what that one parked.
-- Messages are found by key one after the other, whatever statistics say.
create or replace function ledger.read_outbox(claim ledger.outbox_claim)
returns setof ledger.outbox_message
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
declare
  v_claim ledger.outbox_claim := read_outbox.claim;
  v_cursor ledger.relay_cursors;
  v_event_types text[];
  v_parked bigint[];
begin
  perform ledger.require_tenant(v_claim.tenant_id, 'relay');
  select c.* into v_cursor
  from ledger.relay_cursors as c
  where c.tenant_id = v_claim.tenant_id and c.relay = v_claim.relay;
  if (v_cursor.token = v_claim.token and v_cursor.leased_until is not null) is not true then
    perform ledger.refuse_lease(v_claim.relay, v_claim.token, v_cursor);
  end if;

  if v_claim.retries <> '{}' then
    return query
    select
      p.tenant_id, p.position, o.id, o.aggregate_type, o.aggregate_id, o.event_type::text,
      o.schema_version, o.payload, o.trace_id, o.correlation_id, o.created_at, o.headers,
      p.attempts, true
    from ledger.relay_parked as p
    cross join lateral (
      select m.*
      from ledger.outbox as m
      where m.tenant_id = p.tenant_id and m.created_at = p.created_at and m.id = p.event_id
      offset 0
    ) as o
    where p.tenant_id = v_claim.tenant_id
      and p.relay = v_claim.relay
      and p.position = any(v_claim.retries)
      and p.token = v_claim.token
      and p.published_at is null
      and not p.is_dead
    order by p.position;
  end if;

  select r.event_types into v_event_types from ledger.relays as r where r.relay = v_claim.relay;
  v_parked := array(
    select p.position
    from ledger.relay_parked as p
    where p.tenant_id = v_claim.tenant_id
      and p.relay = v_claim.relay
      and p.position > v_claim.after_position
      and p.position <= v_claim.through_position
  );
  return query
  select
    v_claim.tenant_id, o.position, o.id, o.aggregate_type, o.aggregate_id, o.event_type,
    o.schema_version, o.payload, o.trace_id, o.correlation_id, o.created_at, o.headers, 0, false
  from ledger.outbox_range(
    v_claim.tenant_id, v_claim.after_position, v_claim.through_position
  ) as o
  where o.position <> all(v_parked)
    and (v_event_types is null or o.event_type = any(v_event_types))
  order by o.position;
end
$$;

comment on function ledger.read_outbox(ledger.outbox_claim) is
  'The messages of a claim, retries first, then in the order of the log; none where the events of '
  'the range are not published or of other types: confirm through_position and claim again. LG014 '
  'when the lease is lost.';
