-- Dead messages are tried again, with all their attempts before them. Later messages of the same
-- aggregate that are still to come wait behind them; those that went out meanwhile did not.
create or replace function ledger.requeue_dead(
  relay text,
  "position" bigint default null,
  tenant_id text default null
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(requeue_dead.tenant_id, ledger.setting('tenant_id'), 'default');
  v_positions bigint[];
begin
  v_positions := ledger.dead_positions(requeue_dead.relay, v_tenant_id, requeue_dead.position);
  update ledger.relay_parked as p
  set is_dead = false, attempts = 0, next_attempt_at = clock_timestamp(), token = null
  where p.tenant_id = v_tenant_id
    and p.relay = requeue_dead.relay
    and p.position = any(v_positions);
  return cardinality(v_positions);
end
$$;

comment on function ledger.requeue_dead(text, bigint, text) is
  'Dead messages of a relay are tried again at once: the one at this position, or all (NULL). Returns '
  'how many.';
