-- In a maintenance window: a table that was just attached must be empty, because rows that come in
-- by ATTACH are forged history. Remembers it, so that events written to it in the same transaction
-- are no surprise.
create or replace function ledger_guard.admit_partitions()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_window ledger_guard.maintenance_windows;
  v_new oid[] := ledger_guard.new_partitions();
  v_filled oid;
begin
  if v_new = '{}' then
    return;
  end if;
  select * into strict v_window from ledger_guard.current_window();
  select oid into v_filled
  from unnest(v_new) as oid
  where pg_relation_size(oid) > 0 and not v_window.by_superuser;
  if found then
    raise exception using
      errcode = 'LG001',
      message = format('attaching %s is refused: it is not empty', v_filled::regclass),
      hint = 'Rows come into the ledger through ledger.emit_event() only.';
  end if;

  update ledger_guard.maintenance_windows as w
  set protected = w.protected || v_new, admitted = w.admitted || v_new
  where w.xact_id = v_window.xact_id and w.opened_at = v_window.opened_at;
end
$$;

comment on function ledger_guard.admit_partitions() is
  'Raises LG001 when a maintenance window attached a table that holds rows.';
