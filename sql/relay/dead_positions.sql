-- The cursor, locked, and the dead messages that a call is about: one, or all of a relay and tenant.
create or replace function ledger.dead_positions(relay text, tenant_id text, "position" bigint)
returns bigint[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_positions bigint[];
begin
  perform ledger.require_any(dead_positions.tenant_id, '{operate,relay}');
  perform
  from ledger.relay_cursors as c
  where c.tenant_id = dead_positions.tenant_id and c.relay = dead_positions.relay
  for update;
  v_positions := array(
    select p.position
    from ledger.relay_parked as p
    where p.tenant_id = dead_positions.tenant_id
      and p.relay = dead_positions.relay
      and p.is_dead
      and p.discarded_at is null
      and (dead_positions.position is null or p.position = dead_positions.position)
    order by p.position
  );
  if dead_positions.position is not null and v_positions = '{}' then
    raise exception using
      errcode = 'LG009',
      message = format(
        'relay %s has no dead message at position %s of tenant %s',
        dead_positions.relay, dead_positions.position, dead_positions.tenant_id
      ),
      hint = 'select * from ledger.outbox_status where is_dead;';
  end if;
  return v_positions;
end
$$;

comment on function ledger.dead_positions(text, text, bigint) is
  'Part of requeue_dead() and discard_dead(): which messages are meant.';
