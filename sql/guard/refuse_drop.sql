-- Event trigger at sql_drop: outside a maintenance window nothing of the ledger is dropped; inside
-- one, by superusers only, but for the one partition that drop_cold() was permitted to drop, with
-- what is part of it. Written down as the window's other commands are.
create or replace function ledger_guard.refuse_drop()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_object record;
  v_window ledger_guard.maintenance_windows;
begin
  for v_object in
    select d.object_type, d.object_identity
    from pg_event_trigger_dropped_objects() as d
    where d.address_names[1] in ('ledger', 'ledger_guard')
      -- a publication, say, of that name stands in no schema
      and (cardinality(d.address_names) > 1 or d.object_type = 'schema')
      and not d.is_temporary
      and not (
        case
          when d.original
            then d.classid = 'pg_class'::regclass and ledger_guard.is_permitted_drop(d.objid)
          else not d.normal or exists (
            select from pg_event_trigger_dropped_objects() as t
            where t.original
              and t.address_names = d.address_names[:2]
              and ledger_guard.is_permitted_drop(t.objid)
          )
        end
      )
    limit 1
  loop
    select * into v_window from ledger_guard.current_window();
    if v_window is null then
      raise exception using
        errcode = 'LG001',
        message = format(
          '%s is refused: it would drop %s %s',
          tg_tag, v_object.object_type, v_object.object_identity
        ),
        hint = 'Upgrades begin their transaction with: '
          'select ledger_guard.open_window(''upgrade'');';
    end if;
    if not v_window.by_superuser then
      raise exception using
        errcode = 'LG001',
        message = format(
          '%s is refused: only a superuser may drop %s %s',
          tg_tag, v_object.object_type, v_object.object_identity
        ),
        hint = 'Run the upgrade as a superuser.';
    end if;
  end loop;

  insert into ledger_guard.maintenance_commands (
    xact_id, opened_at, ordinal, command_tag, object, relation
  )
  select
    w.xact_id,
    w.opened_at,
    coalesce((
      select max(c.ordinal) from ledger_guard.maintenance_commands as c
      where c.xact_id = w.xact_id and c.opened_at = w.opened_at
    ), 0) + 1,
    tg_tag,
    d.object_identity,
    d.objid
  from pg_event_trigger_dropped_objects() as d
  cross join ledger_guard.current_window() as w
  where d.original
    and d.classid = 'pg_class'::regclass
    and ledger_guard.is_permitted_drop(d.objid);
end
$$;

comment on function ledger_guard.refuse_drop() is
  'Event trigger function: LG001 for dropping objects of the ledger.';
