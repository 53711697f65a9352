create or replace function ledger.subscription_position(
  subscription text,
  tenant_id text default null
)
returns bigint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(
    subscription_position.tenant_id, ledger.setting('tenant_id'), 'default'
  );
begin
  perform ledger.require_tenant(v_tenant_id, 'consume');
  return (
    select c.position
    from ledger.subscription_cursors as c
    where c.tenant_id = v_tenant_id and c.subscription = subscription_position.subscription
  );
end
$$;

comment on function ledger.subscription_position(text, text) is
  'Position of the last event that a subscription has dealt with, for read_log(after_position => '
  '...); NULL when it has saved none. For consumers.';
