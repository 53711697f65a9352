-- Raises LG009 unless a text can name a relay.
create or replace function ledger.refuse_relay(relay text)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if refuse_relay.relay ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' is not true then
    raise exception using
      errcode = 'LG009',
      message = format('%s is no name of a relay', coalesce(quote_literal(left(relay, 100)), 'NULL')),
      hint = 'Use 1 to 63 letters, digits, ".", "_" or "-", beginning with a letter or digit.';
  end if;
end
$$;

comment on function ledger.refuse_relay(text) is 'Raises LG009 for what cannot name a relay.';
