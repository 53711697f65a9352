-- Takes partitions of agent_events and outbox that another tool attached (pg_partman, a person)
-- into the ledger: guards them, enters them in the manifest, counts what they cover. Taken is what
-- create_partition() could have made: a plain, permanent table of the ledger's owner and schema
-- with the name that its bounds ask for, between two midnights UTC, that nobody has privileges on,
-- without code of its own, and empty, because rows that are there already may be forged: only a
-- superuser takes those. Of any other it says why in a warning, and doctor() goes on reporting it.
-- Locks out other partition makers, and writers of the partitions that it looks at.
create or replace function ledger.adopt_partitions()
returns setof name
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
  v_is_superuser constant boolean := (
    select r.rolsuper from pg_roles as r where r.rolname = ledger.caller()
  );
  c_bounds constant text :=
    '^FOR VALUES FROM \(''([-0-9]+) 00:00:00\+00''\) TO \(''([-0-9]+) 00:00:00\+00''\)$';
  v_new record;
  v_obstacle text;
  v_filled boolean;
begin
  perform ledger.require_tenant('*', 'operate');
  lock table ledger.partitions in share row exclusive mode;

  for v_new in
    select
      c.oid::regclass as target,
      c.relname as partition_name,
      parent.relname as parent_name,
      c.relnamespace = parent.relnamespace as is_in_schema,
      c.relowner = parent.relowner as is_owned,
      c.relkind = 'r' and c.relpersistence = 'p' and not i.inhdetachpending as is_plain,
      exists (
        select from aclexplode(c.relacl) as a where a.grantee <> c.relowner
      ) or exists (
        select from pg_attribute as t where t.attrelid = c.oid and t.attacl is not null
      ) as is_granted,
      (b.bounds[1] || ' UTC')::timestamptz as from_time,
      (b.bounds[2] || ' UTC')::timestamptz as to_time
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    join pg_class as parent on parent.oid = i.inhparent
    cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), c_bounds) as b (bounds)
    where parent.oid in (to_regclass('ledger.agent_events'), to_regclass('ledger.outbox'))
      and not (
        c.relnamespace = parent.relnamespace
        and exists (select from ledger.partitions as p where p.partition_name = c.relname)
      )
    order by from_time, parent_name
  loop
    v_obstacle := case
      when not v_new.is_plain then 'it is not a plain, permanent table'
      when not v_new.is_owned then 'it does not belong to ledger_owner'
      when v_new.from_time is null or v_new.to_time is null
        then 'its bounds are not two midnights UTC'
      when not v_new.is_in_schema
        or v_new.partition_name
        <> v_new.parent_name || to_char(v_new.from_time, '"_p"YYYYMMDD')
        then format(
          'its name is not ledger.%s%s',
          v_new.parent_name, to_char(v_new.from_time, '"_p"YYYYMMDD')
        )
      when v_new.is_granted then 'other roles have privileges on it'
      when exists (
        select from ledger_guard.broken_guards() as b
        where b.target = v_new.target and b.problem like 'foreign%'
      ) then 'it has triggers, rules or code that are not the ledger''s'
      when exists (
        select from ledger.partitions as p
        where p.parent_name = v_new.parent_name
          and p.from_time < v_new.to_time and v_new.from_time < p.to_time
      ) then 'the manifest has another partition for that time'
    end;
    if v_obstacle is null and not v_is_superuser then
      execute format('lock table %s in share row exclusive mode', v_new.target);
      execute format('select exists (select from %s)', v_new.target) into v_filled;
      v_obstacle := case
        when v_filled then 'it is not empty, and only a superuser can judge that'
      end;
    end if;
    if v_obstacle is not null then
      raise warning using
        message = format('partition %s is not adopted: %s', v_new.target, v_obstacle),
        hint = 'select * from ledger.doctor();';
      continue;
    end if;

    perform ledger_guard.open_window('partition');
    perform ledger.protect_table(v_new.target);
    insert into ledger.partitions (partition_name, parent_name, from_time, to_time)
    values (v_new.partition_name, v_new.parent_name, v_new.from_time, v_new.to_time);
    return next v_new.partition_name;
  end loop;

  perform ledger.refresh_coverage();
end
$$;

comment on function ledger.adopt_partitions() is
  'Guards partitions that another tool attached and enters them in the manifest; returns their '
  'names. Warns of those that it leaves to doctor(): not empty, or not as the ledger makes them.';
