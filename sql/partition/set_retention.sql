-- Sets the retention policy, all of it: what is not given is NULL, for ever. Moves nothing by
-- itself; ledger.maintain() archives and purges what is due, `agent-events cold` exports and drops.
create or replace function ledger.set_retention(
  hot_for interval default null,
  warm_for interval default null,
  cold_for interval default null,
  archive_tablespace name default null,
  archive_access_method name default null,
  outbox_for interval default null,
  inbox_for interval default null
)
returns ledger.retention_policy
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_policy ledger.retention_policy;
begin
  perform ledger.require_tenant('*', 'operate');
  if not exists (
    select from pg_tablespace as t
    where t.spcname = coalesce(set_retention.archive_tablespace, 'pg_default')
  ) then
    raise exception using
      errcode = 'LG009',
      message = format('tablespace %I does not exist', set_retention.archive_tablespace),
      hint = 'create tablespace ...; grant create on tablespace ... to ledger_owner;';
  elsif not exists (
    select from pg_am as a
    where a.amname = coalesce(set_retention.archive_access_method, 'heap') and a.amtype = 't'
  ) then
    raise exception using
      errcode = 'LG009',
      message = format(
        '%I is no table access method of this database', set_retention.archive_access_method
      ),
      hint = 'select amname from pg_am where amtype = ''t'';';
  end if;

  update ledger.retention_policy as p
  set
    hot_for = set_retention.hot_for,
    warm_for = set_retention.warm_for,
    cold_for = set_retention.cold_for,
    outbox_for = set_retention.outbox_for,
    archive_tablespace = set_retention.archive_tablespace,
    archive_access_method = set_retention.archive_access_method,
    changed_at = clock_timestamp(),
    changed_by = ledger.caller(),
    inbox_for = set_retention.inbox_for
  returning p.* into v_policy;
  return v_policy;
exception when check_violation then
  raise exception using
    errcode = 'LG009',
    message = 'the retention policy is out of order',
    detail = 'hot_for <= warm_for <= cold_for, all ages an hour at least; those of partitions count '
      'from their end.',
    hint = 'select ledger.set_retention(hot_for => ''7 days'', warm_for => ''30 days'', '
      'cold_for => ''365 days'');';
end
$$;

comment on function ledger.set_retention is
  'Sets how long events stay hot, warm and cold, as ages from the end of their partition (NULL = '
  'for ever), where archived partitions are stored, and how long the outbox keeps messages and the '
  'inbox remembers what was processed. For operators of every tenant.';
