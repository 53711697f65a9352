-- RFC 9162, 2.1.4.1: the hashes that show both roots, of the tree at from_size and at to_size, to be
-- of one log.
create or replace function ledger.consistency_proof(
  from_size bigint,
  to_size bigint default null,
  tenant_id text default null
)
returns bytea[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(
    consistency_proof.tenant_id, ledger.setting('tenant_id'), 'default'
  );
  v_low bigint := 0;
  v_high bigint;
  v_split bigint;
  v_proof bytea[] := array[]::bytea[];
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  v_high := ledger.require_tree_size(v_tenant_id, consistency_proof.to_size);
  if consistency_proof.from_size between 0 and v_high is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'no consistency proof from size %s to size %s',
        coalesce(consistency_proof.from_size::text, 'NULL'), v_high
      ),
      hint = 'from_size lies between 0 and to_size.';
  end if;
  if consistency_proof.from_size in (0, v_high) then
    return v_proof;
  end if;

  -- Down to the subtree that ends where the old tree ends.
  while consistency_proof.from_size <> v_high loop
    v_split := v_low + ledger.split_size(v_high - v_low);
    if consistency_proof.from_size <= v_split then
      v_proof := ledger.log_range_root(v_tenant_id, v_split, v_high) || v_proof;
      v_high := v_split;
    else
      v_proof := ledger.log_range_root(v_tenant_id, v_low, v_split) || v_proof;
      v_low := v_split;
    end if;
  end loop;
  -- Where that subtree is the old tree itself, whoever checks has its root already.
  if v_low > 0 then
    v_proof := ledger.log_range_root(v_tenant_id, v_low, v_high) || v_proof;
  end if;
  return v_proof;
end
$$;

comment on function ledger.consistency_proof(bigint, bigint, text) is
  'Proof that the tree of from_size is the beginning of the tree of to_size (NULL = now), RFC 9162, '
  '2.1.4. Empty when from_size is 0 or to_size.';
