-- Gives the tenant's newly committed events the next positions, appends them to its tree and
-- closes a block; does nothing when there are none. Locks the tenant's log, no event and no writer.
create or replace function ledger.seal(tenant_id text default null)
returns ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(seal.tenant_id, ledger.setting('tenant_id'), 'default');
  v_head ledger.log_heads;
  v_since pg_snapshot;
  v_seen pg_snapshot;
  v_receipt ledger.seal_receipt;
begin
  perform ledger.require_any(v_tenant_id, '{write,read,relay,consume,operate,audit}');
  v_head := ledger.lock_log_head(v_tenant_id);
  if v_head.tenant_id is null then
    return row(v_tenant_id, 0::bigint, 0::bigint, sha256(''), 0::bigint);
  end if;
  perform ledger.refuse_other_cluster(
    format('the log of tenant %s', v_tenant_id), v_head.snapshot, v_head.system_identifier
  );

  -- What either the last seal or the last sweep has seen is sealed; the later of them leaves less
  -- to look at.
  select s.snapshot into v_since
  from ledger.log_sweep as s
  where ledger.is_past(s.snapshot, s.system_identifier)
    and pg_snapshot_xmax(s.snapshot) > pg_snapshot_xmax(v_head.snapshot);
  v_since := coalesce(v_since, v_head.snapshot);
  v_seen := ledger.committed_snapshot();
  select r.* into v_receipt from ledger.seal_locked(array[v_tenant_id], v_since) as r;
  if not found then
    v_receipt := row(v_tenant_id, 0, v_head.tree_size, v_head.root, v_head.block_no);
    -- So that the other tenants' events are not looked at again in every call.
    update ledger.log_heads as h
    set snapshot = v_seen
    where h.tenant_id = v_tenant_id and ledger.is_far_behind(v_since, v_seen);
  end if;
  return v_receipt;
end
$$;

comment on function ledger.seal(text) is
  'Gives newly committed events of a tenant their positions in its log; LG012 after a restore '
  'into another cluster.';
