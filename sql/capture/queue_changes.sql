-- What capture_changes() does for a table that is tracked as deferred: keeps what one statement did in
-- capture_queue. All that its writer could do about a later error is checked here and now: at once
-- where rows are small and their key is one column (arguments[9] is its name then, else ''), with a
-- closer look elsewhere. The arguments may be those of a trigger that somebody else made: what they
-- promise is not believed. Excluded columns are left out, but the tenant's; masked ones are needed to
-- see whether they changed. Few operators, because each is set up again in every call.
create or replace function ledger.queue_changes(
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
  v_tenant_id text := coalesce(ledger.setting('tenant_id'), 'default');
  v_run_id uuid;
  v_trace_id uuid;
  v_correlation_id uuid;
  v_causation_id uuid;
  v_actor_type text;
  v_actor_id text;
  v_rows jsonb[];
  v_count int;
  v_is_outermost boolean;
  v_is_mixed boolean := false;
  v_is_plain boolean := true;
  v_is_checked boolean := false;
begin
  if arguments[7] = 't' then
    select e.old_rows, e.new_rows, e.is_outermost, coalesce(e.is_mixed, false)
    into old_rows, new_rows, v_is_outermost, v_is_mixed
    from ledger.capture_end(arguments[0], old_rows, new_rows) as e;
    if not v_is_outermost then
      return;
    end if;
    arguments[7] := 'f';
  end if;
  if arguments[3] <> '{}' then
    old_rows := ledger.without_columns(old_rows, array_remove(arguments[3]::text[], arguments[5]));
    new_rows := ledger.without_columns(new_rows, array_remove(arguments[3]::text[], arguments[5]));
  end if;
  if current_setting('ledger.context', true) = 'on' then
    v_run_id := ledger.setting('run_id')::uuid;
    v_trace_id := ledger.setting('trace_id')::uuid;
    v_correlation_id := ledger.setting('correlation_id')::uuid;
    v_causation_id := ledger.setting('causation_id')::uuid;
    v_actor_type := ledger.setting('actor_type');
    v_actor_id := ledger.setting('actor_id');
    v_is_plain := coalesce(v_actor_type = any('{user,agent,system,webhook}'), true)
      and coalesce(int4range(1, 256) @> length(v_actor_id), true)
      and (
        v_run_id is null
        or exists (
          select from ledger.agent_runs as r where r.tenant_id = v_tenant_id and r.id = v_run_id
        )
      );
  end if;

  v_rows := new_rows || old_rows;
  v_count := cardinality(v_rows);
  if v_count > 2 and v_is_plain then
    v_is_plain := not exists (
      select
      from unnest(v_rows) as r (row_data)
      where r.row_data ->> arguments[9] is null
        or length(r.row_data ->> arguments[9]) > 255
        or pg_column_size(r.row_data) > 4000
    );
  end if;
  loop
    insert into ledger.capture_queue (
      arguments, old_rows, new_rows, is_mixed, tenant_id, run_id, trace_id, correlation_id,
      causation_id, actor_type, actor_id
    )
    select
      arguments, old_rows, new_rows, v_is_mixed, v_tenant_id, v_run_id, v_trace_id,
      v_correlation_id, v_causation_id, v_actor_type, v_actor_id
    where v_is_checked
      or v_is_plain
      and arguments[5] = ''
      and length((v_rows[1] ->> arguments[9]) || (v_rows[v_count] ->> arguments[9])) <= 255
      and (v_count > 2 or pg_column_size(v_rows) <= 4000)
      and exists (
        select
        from ledger.tenant_grants as g
        where g.tenant_id = v_tenant_id
          and g.role_name = ledger.caller()
          and 'write' = any(g.privileges)
      );
    exit when found or v_count = 0;
    perform ledger.refuse_queueing(
      arguments, v_rows, v_tenant_id, v_run_id, v_actor_type, v_actor_id
    );
    v_is_checked := true;
  end loop;
end
$$;

comment on function ledger.queue_changes(text[], jsonb[], jsonb[]) is
  'Part of the triggers of tables tracked with deferred => true: keeps what one statement changed '
  'until emit_captured().';
