-- Adds the columns that tie a business row to its events. The defaults are set after the columns
-- are there: that rewrites nothing, and rows from before stay NULL. They call built-ins only, so
-- that who inserts needs no privilege of the ledger. Locks the table (ACCESS EXCLUSIVE) for as long
-- as it takes to change the catalog.
create or replace function ledger.add_correlation(table_name regclass)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_column text;
  v_type regtype;
begin
  perform ledger.require_own_table(add_correlation.table_name);
  foreach v_column in array '{trace_id,correlation_id,causation_id}'::text[] loop
    select a.atttypid into v_type
    from pg_attribute as a
    where a.attrelid = add_correlation.table_name and a.attname = v_column and not a.attisdropped;
    if v_type <> 'uuid'::regtype then
      raise exception using
        errcode = 'LG009',
        message = format(
          '%s has a column %s already, of type %s', add_correlation.table_name, v_column, v_type
        ),
        hint = 'It must be a uuid: rename it, or alter its type.';
    elsif v_type is null then
      execute format('alter table %s add column %I uuid', add_correlation.table_name, v_column);
    end if;
    execute format(
      'alter table %s alter column %I set default '
      'nullif(current_setting(%L, true), '''')::uuid',
      add_correlation.table_name, v_column, 'ledger.' || v_column
    );
  end loop;
end
$$;

comment on function ledger.add_correlation(regclass) is
  'Adds trace_id, correlation_id and causation_id to a table; new rows get them from '
  'ledger.set_context(). Safe to repeat.';
