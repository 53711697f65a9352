-- The text that is signed outside (C2SP tlog-checkpoint): origin, tree size and root, a line each.
create or replace function ledger.checkpoint(
  ledger_name text default null,
  tree_size bigint default null,
  tenant_id text default null
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text := coalesce(checkpoint.tenant_id, ledger.setting('tenant_id'), 'default');
  v_name text := coalesce(checkpoint.ledger_name, ledger.setting('name'), current_database());
  v_size bigint;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  if v_name !~ '^[^\s+]{1,200}$' then
    raise exception using
      errcode = 'LG009',
      message = format('%L is no name for a ledger', left(v_name, 250)),
      hint = 'Use 1 to 200 characters without spaces and "+", best a name that is yours alone, '
        'such as example.com/ledger; alter database … set ledger.name keeps it.';
  end if;
  v_size := ledger.require_tree_size(v_tenant_id, checkpoint.tree_size);
  return format(
    E'%s/%s\n%s\n%s\n',
    v_name, v_tenant_id, v_size,
    encode(ledger.log_range_root(v_tenant_id, 0, v_size), 'base64')
  );
end
$$;

comment on function ledger.checkpoint(text, bigint, text) is
  'Unsigned checkpoint of a tenant''s log (C2SP tlog-checkpoint): origin <ledger_name>/<tenant_id>, '
  'tree size, base64 of the root. `agent-events checkpoint` checks and signs it. ledger_name: NULL = '
  'the setting ledger.name, else the database''s name.';
