-- doctor(): relays that stand still or have given messages up, and an outbox that therefore, or for
-- want of maintain(), is not purged.
create or replace function ledger.check_relays()
returns table (
  tenant_id text, severity text, kind text, object text, detail text, hint text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    s.tenant_id,
    'warning', 'dead messages', format('relay %s, tenant %s', s.relay, s.tenant_id),
    format('%s messages are given up.', s.dead),
    'select * from ledger.outbox_status where is_dead; then ledger.requeue_dead() or discard_dead().'
  from ledger.relay_status as s
  where s.dead > 0
  union all
  select
    s.tenant_id,
    'warning', 'relay behind', format('relay %s, tenant %s', s.relay, s.tenant_id),
    format(
      'The oldest of %s messages is %s old%s.',
      s.lag_messages, justify_interval(make_interval(secs => round(s.lag_seconds))),
      case when s.leased_by is null then ', and nobody works there' else '' end
    ),
    'Does `agent-events relay run` run? What is no longer wanted goes with ledger.drop_relay().'
  from ledger.relay_status as s
  where s.lag_seconds > 3600
  union all
  select
    null,
    'warning', 'purging overdue', p.partition_name::text,
    coalesce(
      (
        select format(
          'Not delivered by: %s.',
          string_agg(
            distinct case
              when array[b.tenant_id, '*'] && ledger.permitted_for_any('{audit,operate}')
                then format('relay %s for tenant %s', b.relay, b.tenant_id)
              else 'relays of other tenants'
            end,
            ', '
          )
        )
        from ledger.relays_behind(p.to_time) as b
        having count(*) > 0
      ),
      'Every relay has delivered it.'
    ),
    'Schedule it: call ledger.maintain(); it purges what all relays have delivered.'
  from ledger.partition_status as p
  cross join ledger.retention_policy as r
  where p.due = 'purge' and p.age > r.outbox_for + interval '2 days'
  union all
  select
    null,
    'error', 'dropped without record', p.partition_name::text,
    'The manifest says dropped, but no purge is on record.',
    'ledger.purge_outbox() did not drop it. Find out who did.'
  from ledger.partitions as p
  where p.parent_name = 'outbox'
    and p.tier = 'dropped'
    and not exists (
      select from ledger.outbox_purges as d where d.partition_name = p.partition_name
    )
$$;

comment on function ledger.check_relays() is
  'The part of doctor() about relays and what they keep from being purged.';
