-- Only plain and partitioned tables outside the ledger, and only by who owns them.
create or replace function ledger.require_own_table(table_name regclass)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table record;
begin
  select c.relkind, c.relpersistence, c.relowner, n.nspname into v_table
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  where c.oid = require_own_table.table_name;
  if v_table.relkind in ('r', 'p')
    and v_table.relpersistence <> 't'
    and v_table.nspname not in ('ledger', 'ledger_guard', 'pg_catalog', 'information_schema')
  then
    if not pg_has_role(current_user, v_table.relowner, 'usage') then
      raise exception using
        errcode = 'insufficient_privilege',
        message = format(
          'role %s does not own %s', current_user, require_own_table.table_name
        ),
        hint = format('Do it as %I.', pg_get_userbyid(v_table.relowner));
    end if;
    return;
  end if;
  raise exception using
    errcode = 'LG009',
    message = format(
      '%s is no table of yours: a view, a foreign or temporary table, or the ledger''s own',
      require_own_table.table_name
    ),
    hint = 'Give a table or a partitioned table outside the schema ledger.';
end
$$;

comment on function ledger.require_own_table(regclass) is
  'Part of track_table() and add_correlation(): LG009 for what is no ordinary table, 42501 for '
  'another''s.';
