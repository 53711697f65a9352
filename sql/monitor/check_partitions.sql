-- doctor(): partitions that are missing, astray or unknown. The manifest means tables of schema
-- ledger: a table of the same name elsewhere is another one. Ahead there have to be those that
-- maintenance made an hour ago, so that none is missed between midnight and its next call.
create or replace function ledger.check_partitions()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with attached as (
    select
      i.inhrelid as oid,
      case c.relnamespace when parent.relnamespace then c.relname end as partition_name,
      parent.relname as parent_name,
      i.inhdetachpending as is_pending
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    join pg_class as parent on parent.oid = i.inhparent
    where parent.relnamespace = to_regnamespace('ledger')
      and parent.relname in ('agent_events', 'agent_events_archive', 'outbox')
  )
  select
    'warning',
    'partition missing',
    parent_name,
    format('No partition holds %s.', wanted.at_time),
    'select ledger.ensure_partitions(); and schedule it.'
  from ledger.partition_settings as s
  cross join generate_series(0, s.premake) as ahead
  cross join lateral (
    select
      now() - least(ahead, 1) * interval '1 hour'
      + ahead * ('1 ' || s.partition_interval)::interval as at_time
  ) as wanted
  cross join unnest(array['agent_events', 'outbox']) as parent_name
  where not exists (
    select from ledger.partitions as p
    join attached as a on a.partition_name = p.partition_name and a.parent_name = p.parent_name
    where p.parent_name = parent_name.parent_name
      and p.from_time <= wanted.at_time
      and wanted.at_time < p.to_time
  )
  union all
  select
    'warning',
    'default partition',
    t.partdefid::regclass::text,
    'It blocks new partitions once it holds rows in their range.',
    'Detach it: the ledger makes partitions when they are needed.'
  from pg_partitioned_table as t
  join pg_class as c on c.oid = t.partrelid
  where c.relnamespace = to_regnamespace('ledger') and t.partdefid <> 0
  union all
  select
    'warning',
    'partition not in manifest',
    a.oid::regclass::text,
    format('It is attached to %s, but ledger.partitions does not know it.', a.parent_name),
    'Find out who attached it, and what it held.'
  from attached as a
  where not exists (select from ledger.partitions as p where p.partition_name = a.partition_name)
  union all
  select
    'error',
    'partition astray',
    p.partition_name::text,
    case
      when a.is_pending then 'Its detaching was begun: its rows are out of sight.'
      when a.oid is null then format('The manifest says %s, but it is not attached.', p.tier)
      else format('The manifest says %s, but it is attached to %s.', p.tier, a.parent_name)
    end,
    'Attach it where ledger.partitions says, after finding out what happened to it.'
  from ledger.partitions as p
  left join attached as a on a.partition_name = p.partition_name
  where p.tier in ('hot', 'archive')
    and (
      a.oid is null
      or a.is_pending
      or a.parent_name <> case p.tier
        when 'archive' then 'agent_events_archive'
        else p.parent_name
      end
    )
$$;

comment on function ledger.check_partitions() is 'The part of doctor() about partitions.';
