-- RFC 6962 tree hash over the leaves from from_position to to_position - 1, where from_position is
-- a multiple of the largest power of two in their number (as in every step of a proof): its perfect
-- subtrees, folded from the right.
create or replace function ledger.log_range_root(
  tenant_id text,
  from_position bigint,
  to_position bigint
)
returns bytea
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_count bigint := log_range_root.to_position - log_range_root.from_position;
  v_end bigint := log_range_root.to_position;
  v_height int := 0;
  v_node bytea;
  v_root bytea;
begin
  while v_count > 0 loop
    if v_count & 1 = 1 then
      v_end := v_end - (1::bigint << v_height);
      v_node := ledger.log_node(log_range_root.tenant_id, v_height, v_end >> v_height);
      v_root := case
        when v_root is null then v_node
        else sha256('\x01'::bytea || v_node || v_root)
      end;
    end if;
    v_count := v_count >> 1;
    v_height := v_height + 1;
  end loop;
  return coalesce(v_root, sha256(''));
end
$$;

comment on function ledger.log_range_root(text, bigint, bigint) is
  'Part of the proofs: tree hash over a range of positions.';
