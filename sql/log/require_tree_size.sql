-- The tree size that a proof is asked for: that of the log when NULL.
create or replace function ledger.require_tree_size(tenant_id text, tree_size bigint)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sealed bigint := coalesce((
    select h.tree_size
    from ledger.log_heads as h
    where h.tenant_id = require_tree_size.tenant_id
  ), 0);
begin
  if require_tree_size.tree_size not between 0 and v_sealed then
    raise exception using
      errcode = 'LG009',
      message = format(
        'the log of tenant %s has no tree of size %s',
        require_tree_size.tenant_id, require_tree_size.tree_size
      ),
      detail = format('It holds %s events.', v_sealed),
      hint = 'A tree_size lies between 0 and the number of sealed events; ledger.seal() seals '
        'what was emitted since.';
  end if;
  return coalesce(require_tree_size.tree_size, v_sealed);
end
$$;

comment on function ledger.require_tree_size(text, bigint) is
  'Part of the proofs: LG009 for a tree size that the log has not reached.';
