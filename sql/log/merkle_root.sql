-- RFC 6962 tree hash over hashes laid end to end: pairs are folded level by level, an odd one at
-- the end moves up as it is. Also right when the last one stands for fewer leaves than the others.
create or replace function ledger.merkle_root(hashes bytea)
returns bytea
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hashes bytea := merkle_root.hashes;
  v_count int := octet_length(merkle_root.hashes) / 32;
begin
  if v_count = 0 then
    return sha256('');
  end if;
  while v_count > 1 loop
    v_hashes := (
      select string_agg(sha256('\x01'::bytea || substr(v_hashes, i * 64 + 1, 64)), '' order by i)
      from generate_series(0, v_count / 2 - 1) as i
    ) || substr(v_hashes, (v_count & -2) * 32 + 1);
    v_count := (v_count + 1) / 2;
  end loop;
  return v_hashes;
end
$$;

comment on function ledger.merkle_root(bytea) is
  'RFC 6962 tree hash over leaf or subtree hashes (32 bytes each, end to end); SHA-256 of nothing '
  'when there are none.';
