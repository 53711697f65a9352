-- Forgets what was processed, or discarded, longer ago than that: at most max_rows of each, the
-- oldest first, in the caller's transaction; call it again while it returns that many. A duplicate
-- that arrives later than this IS PROCESSED AGAIN: keep the inbox for longer than any broker
-- redelivers, any relay is rewound and any backup of a broker is old. Failures that nobody decided
-- about are never deleted. Locks the rows it deletes, which nobody else writes.
create or replace function ledger.purge_inbox(
  older_than interval default null,
  max_rows int default 10000
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_before timestamptz;
  v_count bigint;
begin
  perform ledger.require_tenant('*', 'operate');
  perform ledger.require_max_rows(purge_inbox.max_rows);
  if purge_inbox.older_than < interval '1 hour' then
    raise exception using
      errcode = 'LG009',
      message = format('older_than is %s, less than an hour', purge_inbox.older_than),
      hint = 'What is purged is processed again when it is delivered again: keep it for days.';
  end if;
  v_before := clock_timestamp() - coalesce(
    purge_inbox.older_than, (select r.inbox_for from ledger.retention_policy as r)
  );
  delete from ledger.inbox as i
  where i.ctid = any(array(
    select o.ctid
    from ledger.inbox as o
    where o.processed_at < v_before
    order by o.processed_at
    limit purge_inbox.max_rows
    for update skip locked
  ));
  get diagnostics v_count = row_count;
  delete from ledger.inbox_failures as f
  where f.ctid = any(array(
    select o.ctid
    from ledger.inbox_failures as o
    where o.discarded_at < v_before
    limit purge_inbox.max_rows
    for update skip locked
  ));
  return v_count;
end
$$;

comment on function ledger.purge_inbox(interval, int) is
  'Forgets events processed longer ago than older_than (default retention_policy.inbox_for; NULL = '
  'nothing), max_rows at a time; returns how many. A duplicate that arrives later than that is '
  'processed again. For operators of every tenant.';
