-- Pause before the next attempt: doubling from min_backoff, at most max_backoff, and between half and
-- all of that by chance, so that what failed together does not come back together; or retry_after, what
-- was asked for, if that is longer.
create or replace function ledger.backoff(
  attempts int,
  min_backoff interval,
  max_backoff interval,
  retry_after interval
)
returns interval
language sql
volatile
set search_path = pg_catalog, pg_temp
return greatest(
  make_interval(
    secs => (0.5 + random() / 2) * least(
      extract(epoch from backoff.max_backoff)::double precision,
      extract(epoch from backoff.min_backoff)::double precision
      * 2.0::double precision ^ least(backoff.attempts - 1, 60)
    )
  ),
  coalesce(backoff.retry_after, interval '0')
);

comment on function ledger.backoff(int, interval, interval, interval) is
  'Part of fail_outbox() and fail_event(): the pause before the next attempt.';
