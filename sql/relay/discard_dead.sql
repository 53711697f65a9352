-- Gives dead messages up for good: they stay in outbox_status with who and why, and no longer keep
-- their outbox partition from being purged.
create or replace function ledger.discard_dead(
  relay text,
  "position" bigint,
  reason text,
  tenant_id text default null
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(discard_dead.tenant_id, ledger.setting('tenant_id'), 'default');
  v_positions bigint[];
begin
  perform ledger.require_reason('reason', discard_dead.reason);
  v_positions := ledger.dead_positions(discard_dead.relay, v_tenant_id, discard_dead.position);
  update ledger.relay_parked as p
  set
    discarded_at = clock_timestamp(),
    last_error = format(
      '%s [discarded by %s: %s]', p.last_error, ledger.caller(), discard_dead.reason
    )
  where p.tenant_id = v_tenant_id
    and p.relay = discard_dead.relay
    and p.position = any(v_positions);
  return cardinality(v_positions);
end
$$;

comment on function ledger.discard_dead(text, bigint, text, text) is
  'Gives dead messages of a relay up: the one at this position, or all (NULL). Returns how many.';
