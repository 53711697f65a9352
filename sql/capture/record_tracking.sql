-- Writes down what track_table() made, or takes it back out (tracked NULL). Only for who may
-- register event types and owns the table.
create or replace function ledger.record_tracking(
  table_id regclass,
  tracked ledger.tracked_tables
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform ledger.require_registrar();
  if exists (
    select from pg_class as c
    where c.oid = record_tracking.table_id
      and not pg_has_role(ledger.caller(), c.relowner, 'usage')
  ) then
    raise exception using
      errcode = 'insufficient_privilege',
      message = format(
        'role %s does not own %s', ledger.caller(), record_tracking.table_id
      );
  end if;
  delete from ledger.tracked_tables as t where t.table_id = record_tracking.table_id;
  if (record_tracking.tracked).table_id is not null then
    insert into ledger.tracked_tables select record_tracking.tracked.*;
  end if;
end
$$;

comment on function ledger.record_tracking(regclass, ledger.tracked_tables) is
  'Part of track_table() and untrack_table(): keeps ledger.tracked_tables.';
