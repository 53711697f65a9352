-- Emits what one statement did to a tracked table: rows before and after it, in the order in which
-- it changed them (either may be empty). arguments are the trigger's, from 0: event prefix,
-- aggregate type, key columns, excluded, masked, tenant column, publish, whether statements may be
-- nested. One change goes the short way.
create or replace function ledger.capture_changes(
  arguments text[],
  old_rows jsonb[],
  new_rows jsonb[]
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame record;
begin
  if arguments[7] = 't' then
    v_frame := ledger.capture_end(arguments[0], old_rows, new_rows);
    if v_frame.is_outermost then
      perform ledger.capture_batch(
        arguments, v_frame.old_rows, v_frame.new_rows, v_frame.is_mixed
      );
    end if;
  elsif cardinality(old_rows) < 2 and cardinality(new_rows) < 2 then
    if cardinality(old_rows) + cardinality(new_rows) > 0
      and not ledger.capture_change(arguments, old_rows[1], new_rows[1])
    then
      perform ledger.capture_batch(arguments, old_rows, new_rows, false);
    end if;
  else
    perform ledger.capture_batch(arguments, old_rows, new_rows, false);
  end if;
end
$$;

comment on function ledger.capture_changes(text[], jsonb[], jsonb[]) is
  'Part of the triggers of tracked tables: emits what one statement changed.';
