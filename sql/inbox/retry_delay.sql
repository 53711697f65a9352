-- How long to wait after so many failures: doubled each time, from a second to an hour, and then cut
-- by up to a half at random, so that what failed together is not tried again together.
create or replace function ledger.retry_delay(attempts int)
returns interval
language sql
volatile
set search_path = pg_catalog, pg_temp
begin atomic
  select least(interval '1 second' * 2 ^ least(attempts - 1, 20), interval '1 hour')
    * (1 - random() / 2);
end;

comment on function ledger.retry_delay(int) is
  'Part of fail_event(): time until the next attempt after so many that failed.';
