-- Where RFC 6962 splits a tree of n > 1 leaves: the largest power of two below n.
create or replace function ledger.split_size(n bigint)
returns bigint
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_split bigint := 1;
begin
  while v_split * 2 < split_size.n loop
    v_split := v_split * 2;
  end loop;
  return v_split;
end
$$;

comment on function ledger.split_size(bigint) is
  'Part of the proofs: the largest power of two below n.';
