-- Waits until a position is sealed or the time is over, looking every 20 ms at most. Needs a new
-- snapshot per look, which READ COMMITTED gives.
create or replace function ledger.wait_for_position(
  tenant_id text,
  awaited_position bigint,
  wait interval
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_until timestamptz := clock_timestamp() + wait_for_position.wait;
begin
  if wait_for_position.wait not between interval '0' and interval '1 minute' then
    raise exception using
      errcode = 'LG009',
      message = format('wait is %s', wait_for_position.wait),
      hint = 'Wait for a minute at most, and call again.';
  end if;
  while clock_timestamp() < v_until and not exists (
    select from ledger.log_entries as l
    where l.tenant_id = wait_for_position.tenant_id and l.position = wait_for_position.awaited_position
  ) loop
    perform pg_sleep(least(0.02, extract(epoch from v_until - clock_timestamp())));
  end loop;
end
$$;

comment on function ledger.wait_for_position(text, bigint, interval) is
  'Part of read_log(): waits until a position is sealed.';
