-- Has a relay go on elsewhere in the log of a tenant: back, to deliver again; or forth, to pass over.
-- Who holds a lease loses it (LG014). What was parked from there on is delivered in the ordinary
-- way. Refused where the messages were purged. Locks the cursor, and purging out.
create or replace function ledger.rewind_relay(
  relay text,
  to_position bigint,
  tenant_id text default null
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(rewind_relay.tenant_id, ledger.setting('tenant_id'), 'default');
  v_purged_until timestamptz;
begin
  perform ledger.require_tenant(v_tenant_id, 'operate');
  perform ledger.require_read_committed('rewinding a relay');
  lock table ledger.relays in row exclusive mode;
  if not exists (select from ledger.relays as r where r.relay = rewind_relay.relay) then
    raise exception using
      errcode = 'LG009',
      message = format('there is no relay %s', coalesce(quote_literal(rewind_relay.relay), 'NULL')),
      hint = 'select * from ledger.relay_status;';
  elsif exists (
    select from ledger.log_heads as h
    where h.tenant_id = v_tenant_id and rewind_relay.to_position between 0 and h.tree_size
  ) is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'the log of tenant %s has no position %s',
        v_tenant_id, coalesce(rewind_relay.to_position::text, 'NULL')
      ),
      hint = '0 begins anew; the tree_size in ledger.log_heads passes everything over.';
  end if;
  select max(p.to_time) into v_purged_until
  from ledger.partitions as p
  where p.parent_name = 'outbox' and p.tier = 'dropped';
  if exists (
    select
    from ledger.log_entries as l
    where l.tenant_id = v_tenant_id
      and l.position = rewind_relay.to_position
      and l.created_at < v_purged_until
  ) then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('the messages at position %s are purged', rewind_relay.to_position),
      detail = format('The outbox was purged up to %s.', v_purged_until),
      hint = 'The events are still there: ledger.read_log() gives them from any position.';
  end if;

  perform ledger.lock_cursor(rewind_relay.relay, v_tenant_id);
  -- What comes before it stays confirmed as it was.
  insert into ledger.relay_confirmations (tenant_id, relay, through_position, confirmed_at)
  select f.tenant_id, f.relay, rewind_relay.to_position - 1, f.confirmed_at
  from ledger.relay_confirmations as f
  where f.tenant_id = v_tenant_id
    and f.relay = rewind_relay.relay
    and f.through_position >= rewind_relay.to_position - 1
    and rewind_relay.to_position > 0
  order by f.through_position
  limit 1
  on conflict do nothing;
  update ledger.relay_cursors as c
  set
    position = rewind_relay.to_position - 1,
    claimed_position = rewind_relay.to_position - 1,
    token = 0,
    leased_until = null
  where c.tenant_id = v_tenant_id and c.relay = rewind_relay.relay;
  delete from ledger.relay_parked as p
  where p.tenant_id = v_tenant_id
    and p.relay = rewind_relay.relay
    and p.position >= rewind_relay.to_position;
  delete from ledger.relay_confirmations as f
  where f.tenant_id = v_tenant_id
    and f.relay = rewind_relay.relay
    and f.through_position >= rewind_relay.to_position;
end
$$;

comment on function ledger.rewind_relay(text, bigint, text) is
  'The next message that the relay delivers for the tenant is the one at to_position; receivers know '
  'what they had before by its id. 55000 where the outbox was purged. For operators.';
