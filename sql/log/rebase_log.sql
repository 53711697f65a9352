-- Carries a tenant's log over to this cluster, after a dump was restored into it or its transaction
-- ids were set back: gives positions to what the log does not have yet, by comparing every event
-- with it, and begins an epoch whose snapshots are of this cluster. The tree continues, and an event
-- ledger.log_rebased says so. Locks the tenant's log, and seal_all() out.
create or replace function ledger.rebase_log(
  tenant_id text default null,
  reason text default 'restored or moved'
)
returns ledger.seal_receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(rebase_log.tenant_id, ledger.setting('tenant_id'), 'default');
  v_sweep ledger.log_sweep;
  v_head ledger.log_heads;
  v_seen pg_snapshot;
  v_receipt ledger.seal_receipt;
begin
  perform ledger.require_tenant(v_tenant_id, 'operate');
  -- The sweep before the head, as seal_all() locks them.
  select s.* into strict v_sweep from ledger.log_sweep as s for update;
  v_head := ledger.lock_log_head(v_tenant_id);
  if v_head.tenant_id is null then
    return row(v_tenant_id, 0::bigint, 0::bigint, sha256(''), 0::bigint);
  end if;
  v_seen := ledger.committed_snapshot();
  update ledger.log_heads as h
  set
    epoch = h.epoch + 1,
    system_identifier = ledger.system_identifier(),
    snapshot = v_seen
  where h.tenant_id = v_tenant_id;
  select r.* into v_receipt from ledger.seal_locked(array[v_tenant_id], null) as r;
  if not found then
    v_receipt := row(v_tenant_id, 0, v_head.tree_size, v_head.root, v_head.block_no);
  end if;
  perform from ledger.emit_own_event(
    'ledger.log_rebased',
    jsonb_build_object(
      'old_epoch', v_head.epoch, 'new_epoch', v_head.epoch + 1, 'tree_size', v_receipt.tree_size,
      'reason', rebase_log.reason, 'rebased_by', ledger.caller()
    ),
    tenant_id => v_tenant_id
  );

  -- With the last log the sweep is carried over, too.
  v_sweep := ledger.carried_sweep(v_sweep);
  update ledger.log_sweep as s
  set snapshot = v_sweep.snapshot, system_identifier = v_sweep.system_identifier
  where not ledger.is_past(s.snapshot, s.system_identifier);
  return v_receipt;
end
$$;

comment on function ledger.rebase_log(text, text) is
  'Carries a tenant''s log over to this cluster after a restore (LG012): seals what is left and '
  'begins a new epoch; the tree continues. For operators.';
