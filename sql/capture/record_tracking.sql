-- Writes down what track_table() made, or takes it back out (tracked NULL). Only for who may
-- register event types and owns the table; who that is, is not taken from them. What a table that is
-- gone was tracked as is free again. Where events are made at once from now on, those that wait come
-- first; nobody writes the table until then, track_table() has locked it. A snapshot that is older
-- than that lock may not show them all.
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
  if (record_tracking.tracked).table_id is not null
    and (record_tracking.tracked).table_id is distinct from record_tracking.table_id
  then
    raise exception using
      errcode = 'LG009',
      message = format(
        'what is written down is about %s, not %s',
        (record_tracking.tracked).table_id, record_tracking.table_id
      );
  end if;
  delete from ledger.tracked_tables as t
  where t.table_id = record_tracking.table_id
    or (
      t.event_prefix = (record_tracking.tracked).event_prefix
      and not exists (select from pg_class as c where c.oid = t.table_id)
    );
  if (record_tracking.tracked).table_id is not null then
    record_tracking.tracked.tracked_by := ledger.caller();
    insert into ledger.tracked_tables select record_tracking.tracked.*;
    if not (record_tracking.tracked).deferred
      and current_setting('transaction_isolation') not like 'read %'
      and pg_sequence_last_value('ledger.capture_queue_id_seq') is not null
    then
      raise exception using
        errcode = 'LG009',
        message = format(
          'what changed since this transaction''s snapshot may wait to become an event, and would '
          'come after what changes in %s from now on', record_tracking.table_id
        ),
        hint = 'Track it in a transaction of its own: begin isolation level read committed;';
    end if;
    if not (record_tracking.tracked).deferred and exists (
      select from ledger.capture_queue as q
      where q.arguments[1] = (record_tracking.tracked).aggregate_type
    ) then
      perform ledger.drain_captured((record_tracking.tracked).aggregate_type);
    end if;
  end if;
end
$$;

comment on function ledger.record_tracking(regclass, ledger.tracked_tables) is
  'Part of track_table() and untrack_table(): keeps ledger.tracked_tables.';
