-- Raises 55000 unless every message of a partition of the outbox is sealed and every relay of its
-- tenant has delivered it; returns how many there are. Reads all of it, once.
create or replace function ledger.require_delivered(partition_name name)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_messages bigint;
  v_unsealed bigint;
  v_undelivered bigint;
  v_parked bigint;
begin
  execute format(
    $query$
      with reached as (
        select t.tenant_id, min(t.position) as position
        from ledger.relay_tenants as t
        group by t.tenant_id
      )
      select
        count(*) as messages,
        count(*) filter (where l.position is null) as unsealed,
        count(*) filter (where l.position > r.position) as undelivered,
        count(*) filter (
          where exists (
            select
            from ledger.relay_parked as p
            where p.tenant_id = o.tenant_id
              and p.position = l.position
              and p.published_at is null
              and p.discarded_at is null
          )
        ) as parked
      from ledger.%I as o
      left join ledger.log_entries as l on l.tenant_id = o.tenant_id and l.event_id = o.id
      left join reached as r on r.tenant_id = o.tenant_id
    $query$,
    require_delivered.partition_name
  ) into v_messages, v_unsealed, v_undelivered, v_parked;
  if v_unsealed + v_undelivered + v_parked > 0 then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format(
        '%s holds messages that are still to be delivered', require_delivered.partition_name
      ),
      detail = format(
        '%s are not sealed, %s not delivered, %s parked or dead.',
        v_unsealed, v_undelivered, v_parked
      ),
      hint = 'select * from ledger.relay_status; requeue or discard what is dead, drop_relay() what '
        'no longer runs.';
  end if;
  return v_messages;
end
$$;

comment on function ledger.require_delivered(name) is
  'Part of purge_outbox(): 55000 unless all relays have delivered a partition; counts its messages.';
