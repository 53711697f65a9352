-- Raises LG009 for arguments that claim_outbox() cannot take.
create or replace function ledger.refuse_claim(
  relay text,
  batch_size int,
  lease interval,
  token bigint,
  tenant_id text
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ledger.refuse_relay(refuse_claim.relay);
  if refuse_claim.batch_size between 1 and 10000 is not true then
    raise exception using
      errcode = 'LG009',
      message = format('batch_size is %s', coalesce(refuse_claim.batch_size::text, 'NULL')),
      hint = 'Claim 1 to 10000 messages at a time.';
  elsif refuse_claim.lease between interval '1 second' and interval '1 hour' is not true then
    raise exception using
      errcode = 'LG009',
      message = format('lease is %s', coalesce(refuse_claim.lease::text, 'NULL')),
      hint = 'A lease lasts for a second to an hour, and is renewed by every claim and confirmation.';
  elsif refuse_claim.token is not null and refuse_claim.tenant_id is null then
    raise exception using
      errcode = 'LG009',
      message = 'a token without a tenant',
      hint = 'A lease is for one tenant: give tenant_id as claim_outbox() returned it.';
  end if;
end
$$;

comment on function ledger.refuse_claim(text, int, interval, bigint, text) is
  'Part of claim_outbox(): raises LG009 for arguments that it cannot take.';
