-- RFC 9162, 2.1.3.1: the siblings on the way from a leaf to the root, from the leaf up.
create or replace function ledger.inclusion_proof(
  event_id uuid,
  inout tree_size bigint default null,
  tenant_id text default null,
  out "position" bigint,
  out leaf_hash bytea,
  out proof bytea[],
  out root bytea
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(inclusion_proof.tenant_id, ledger.setting('tenant_id'), 'default');
  v_low bigint := 0;
  v_high bigint;
  v_split bigint;
begin
  "position" := ledger.position_of(inclusion_proof.event_id, v_tenant_id);
  tree_size := ledger.require_tree_size(v_tenant_id, inclusion_proof.tree_size);
  if "position" < tree_size is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'event %s is not among the first %s events of tenant %s',
        inclusion_proof.event_id, tree_size, v_tenant_id
      ),
      detail = coalesce(
        format('Its position is %s.', "position"), 'It has no position: it is not sealed.'
      ),
      hint = 'ledger.seal() gives committed events their positions.';
  end if;

  proof := '{}';
  v_high := tree_size;
  while v_high - v_low > 1 loop
    v_split := v_low + ledger.split_size(v_high - v_low);
    if "position" < v_split then
      proof := ledger.log_range_root(v_tenant_id, v_split, v_high) || proof;
      v_high := v_split;
    else
      proof := ledger.log_range_root(v_tenant_id, v_low, v_split) || proof;
      v_low := v_split;
    end if;
  end loop;
  leaf_hash := ledger.log_node(v_tenant_id, 0, "position");
  root := ledger.log_range_root(v_tenant_id, 0, tree_size);
end
$$;

comment on function ledger.inclusion_proof(uuid, bigint, text) is
  'Proof that an event is in the tenant''s tree of that size (NULL = now): its position, its leaf '
  '(= hash), the hashes beside the way up (RFC 9162, 2.1.3) and the root they lead to. LG009 when '
  'it is not sealed.';
