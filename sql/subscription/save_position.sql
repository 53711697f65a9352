-- Where a subscription stands, as of the caller's transaction: what the same transaction writes about
-- the event and the position commit together. True when that moved it on. False when it was as far
-- already: another process of the same subscription was faster, and whoever wants to handle each
-- event once rolls back. Waits for a transaction that saves the same one; 40001 above READ COMMITTED
-- when it committed after the caller's snapshot. Goes back only with reset.
create or replace function ledger.save_position(
  subscription text,
  through_position bigint,
  reset boolean default false,
  tenant_id text default null
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(save_position.tenant_id, ledger.setting('tenant_id'), 'default');
  v_tree_size bigint;
begin
  perform ledger.require_tenant(v_tenant_id, 'consume');
  v_tree_size := coalesce(
    (select h.tree_size from ledger.log_heads as h where h.tenant_id = v_tenant_id), 0
  );
  if length(save_position.subscription) between 1 and 255 is not true then
    raise exception using
      errcode = 'LG009',
      message = 'subscription must have 1 to 255 characters',
      hint = 'Name it after what it is for, such as search-index.';
  elsif save_position.through_position between -1 and v_tree_size - 1 is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'position %s is not in the log of tenant %s',
        coalesce(save_position.through_position::text, 'NULL'), v_tenant_id
      ),
      detail = format('It has positions from 0 to %s; -1 is before its first.', v_tree_size - 1),
      hint = 'Save the position of the last event that was dealt with.';
  end if;

  insert into ledger.subscription_cursors as c (tenant_id, subscription, position, updated_at)
  values (v_tenant_id, save_position.subscription, save_position.through_position, clock_timestamp())
  on conflict on constraint subscription_cursors_pkey do update
  set position = excluded.position, updated_at = excluded.updated_at
  where c.position < excluded.position or save_position.reset;
  return found;
end
$$;

comment on function ledger.save_position(text, bigint, boolean, text) is
  'Saves the position of the last event that a subscription has dealt with, in the caller''s '
  'transaction; false when it was as far already. reset => true also goes back. For consumers.';
