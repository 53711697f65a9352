-- The manifest as an operator wants to see it: how old, how large, where, and what is due.
create or replace view ledger.partition_status as
select
  p.partition_name,
  p.parent_name,
  p.tier,
  p.from_time,
  p.to_time,
  greatest(now() - p.to_time, interval '0') as age,
  coalesce(p.row_count, nullif(c.reltuples, -1)::bigint) as row_count,
  p.row_count is not null as is_counted,
  pg_catalog.pg_total_relation_size(c.oid) as bytes,
  ledger.tablespace_of(c.oid) as tablespace,
  ledger.access_method_of(c.oid) as access_method,
  p.moved_at,
  case
    when p.to_time > now() - interval '1 hour' then null
    when p.parent_name = 'outbox' then case
        when p.tier = 'hot' and p.to_time <= now() - r.outbox_for then 'purge'
      end
    when p.tier = 'hot' and p.to_time <= now() - least(r.hot_for, r.warm_for) then 'archive'
    when p.tier = 'archive' and p.to_time <= now() - r.warm_for then 'cold'
    when p.tier = 'cold' and p.to_time <= now() - r.cold_for then 'expire'
    when p.tier = 'archive'
      and (
        ledger.tablespace_of(c.oid) <> r.archive_tablespace
        or ledger.access_method_of(c.oid) <> r.archive_access_method
      )
      then 'relocate'
  end as due
from ledger.partitions as p
cross join ledger.retention_policy as r
left join pg_catalog.pg_class as c
  on c.oid = pg_catalog.to_regclass('ledger.' || pg_catalog.quote_ident(p.partition_name));

comment on view ledger.partition_status is
  'Every partition ever made: tier, bounds, age since its end, rows, bytes, and what is due by the '
  'retention policy (archive, relocate, cold, expire, purge): select * from ledger.partition_status '
  'order by from_time, parent_name;';
comment on column ledger.partition_status.row_count is
  'Counted when archived (is_counted), else the planner''s estimate.';
comment on column ledger.partition_status.bytes is
  'With indexes and TOAST; NULL when it is not in the database.';
