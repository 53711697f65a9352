-- Raises LG014: the worker with this token no longer works there.
create or replace function ledger.refuse_lease(
  relay text,
  token bigint,
  relay_cursor ledger.relay_cursors
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'LG014',
    message = format(
      'the lease of relay %s with token %s is lost',
      coalesce(refuse_lease.relay, 'NULL'), coalesce(refuse_lease.token::text, 'NULL')
    ),
    detail = case
      when (relay_cursor).token is null then 'Nobody claimed anything there.'
      when (relay_cursor).leased_until is null then 'It was given back, or the relay was rewound.'
      else format(
        '%s has claimed it at %s.', (relay_cursor).leased_by, (relay_cursor).claimed_at
      )
    end,
    hint = 'Drop what you hold and claim anew: what you had not confirmed is delivered by others.';
end
$$;

comment on function ledger.refuse_lease(text, bigint, ledger.relay_cursors) is
  'Part of the relay: raises LG014.';
