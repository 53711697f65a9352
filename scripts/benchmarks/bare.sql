-- Twins of the two tables: same columns, partitions and indexes; no triggers, no policies, no checks.
create schema bare;

do $$
declare
  v_parent text;
  v_partition record;
begin
  foreach v_parent in array array['agent_events', 'outbox'] loop
    execute format(
      'create table bare.%1$I (like ledger.%1$I including all excluding constraints) partition by range (created_at)',
      v_parent
    );
    for v_partition in
      select c.relname, pg_get_expr(c.relpartbound, c.oid) as bounds
      from pg_inherits as i
      join pg_class as c on c.oid = i.inhrelid
      where i.inhparent = format('ledger.%I', v_parent)::regclass
    loop
      execute format(
        'create table bare.%I partition of bare.%I %s', v_partition.relname, v_parent, v_partition.bounds
      );
    end loop;
  end loop;
end
$$;
