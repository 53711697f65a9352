create or replace function ledger.drop_subscription(
  subscription text,
  tenant_id text default null
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(drop_subscription.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_any(v_tenant_id, '{consume,operate}');
  delete from ledger.subscription_cursors as c
  where c.tenant_id = v_tenant_id and c.subscription = drop_subscription.subscription;
  return found;
end
$$;

comment on function ledger.drop_subscription(text, text) is
  'Forgets where a subscription stands: it begins anew; false when it is not known. For consumers '
  'and operators.';
