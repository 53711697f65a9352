-- The failures of a consumer that are due, the longest due first, for the caller alone while `lease`
-- lasts. It commits, and then takes one message after the other as if it had just come:
-- accept_event() decides, and takes the failure away with it. A lease and no lock, because a lock
-- held here would deadlock with who accepts the same event and then looks here; whoever dies leaves
-- them due again after the lease. Skips what others hold.
create or replace function ledger.claim_failures(
  consumer text,
  max_rows int default 100,
  lease interval default '5 minutes',
  tenant_id text default null
)
returns setof ledger.inbox_failures
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_tenants text[];
begin
  perform ledger.require_max_rows(claim_failures.max_rows);
  if claim_failures.lease between interval '1 second' and interval '1 day' is not true then
    raise exception using
      errcode = 'LG009',
      message = format('lease is %s', coalesce(claim_failures.lease::text, 'NULL')),
      hint = 'One second to a day: longer than it takes to process all that is claimed.';
  end if;
  if claim_failures.tenant_id is null then
    v_tenants := ledger.permitted_tenants('consume');
  else
    perform ledger.require_tenant(claim_failures.tenant_id, 'consume');
    v_tenants := array[claim_failures.tenant_id];
  end if;

  return query
  with due as (
    select f.tenant_id, f.consumer, f.event_id
    from ledger.inbox_failures as f
    where f.consumer = claim_failures.consumer
      and f.next_attempt_at <= v_now
      and f.message is not null
      and (f.tenant_id = any(v_tenants) or v_tenants = '{*}')
    order by f.next_attempt_at
    limit claim_failures.max_rows
    for update skip locked
  ),
  claimed as (
    update ledger.inbox_failures as f
    set next_attempt_at = v_now + claim_failures.lease
    from due as d
    where f.tenant_id = d.tenant_id and f.consumer = d.consumer and f.event_id = d.event_id
    returning f.*
  )
  select c.* from claimed as c
  order by c.failed_at, c.event_id;
end
$$;

comment on function ledger.claim_failures(text, int, interval, text) is
  'Failures of a consumer that are due, with their messages, for the caller alone until the lease '
  'is over: of one tenant, or of every tenant the caller consumes for. Commit, then process each '
  'like a new message. For consumers.';
