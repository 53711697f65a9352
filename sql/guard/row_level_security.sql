-- Who sees and writes which rows, also when a privilege was granted by mistake. FORCE: the owner
-- obeys too, so that on the append-only tables not even ledger_owner inserts. Partitions carry no
-- policies: nobody has privileges on them. Policies cost nothing measurable on emit. Safe to
-- repeat.

do $$
declare
  v_table regclass;
begin
  for v_table in select * from ledger_guard.unprotected_rows() loop
    execute format('alter table %s enable row level security', v_table);
    execute format('alter table %s force row level security', v_table);
  end loop;
end
$$;

-- ledger_append, the owner of the writing functions, is bound by its grants and by the guards.
do $$
declare
  v_table text;
begin
  foreach v_table in array array[
    'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'event_private', 'streams',
    'idempotency_keys', 'event_types', 'event_schemas', 'tenants', 'tenant_grants',
    'log_heads', 'log_edges', 'log_entries', 'log_tiles', 'log_blocks', 'log_sweep',
    'legal_holds', 'erasures', 'cold_files', 'cold_drops', 'cold_ranges',
    'relays', 'relay_cursors', 'relay_parked', 'relay_confirmations', 'outbox_purges',
    'inbox', 'inbox_failures', 'subscription_cursors', 'upcasters',
    'reducers', 'snapshots', 'snapshot_cursors', 'snapshot_failures',
    'event_counts', 'count_cursors', 'emit_permits', 'capture_queue'
  ] loop
    execute format('drop policy if exists ledger_append on ledger.%I', v_table);
    execute format(
      'create policy ledger_append on ledger.%I to ledger_append using (true) with check (true)',
      v_table
    );
  end loop;
end
$$;

-- ledger_owner reads everything; it writes only what administrators decide.
do $$
declare
  v_table text;
begin
  foreach v_table in array array[
    'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'event_private', 'streams',
    'idempotency_keys', 'event_types', 'event_schemas', 'log_heads', 'log_edges', 'log_entries',
    'log_tiles', 'log_blocks', 'log_sweep', 'legal_holds', 'erasures', 'cold_files', 'cold_drops',
    'cold_ranges', 'relays', 'relay_cursors', 'relay_parked', 'relay_confirmations',
    'outbox_purges', 'inbox', 'inbox_failures', 'subscription_cursors', 'upcasters',
    'reducers', 'snapshots', 'snapshot_cursors', 'snapshot_failures',
    'event_counts', 'count_cursors', 'capture_queue'
  ] loop
    execute format('drop policy if exists ledger_owner on ledger.%I', v_table);
    execute format(
      'create policy ledger_owner on ledger.%I for select to ledger_owner using (true)', v_table
    );
  end loop;
  foreach v_table in array array['tenants', 'tenant_grants'] loop
    execute format('drop policy if exists ledger_owner on ledger.%I', v_table);
    execute format(
      'create policy ledger_owner on ledger.%I to ledger_owner using (true) with check (true)',
      v_table
    );
  end loop;
end
$$;

-- Readers see the tenants they were granted. The sub-selects are uncorrelated, so each runs once
-- per query.
do $$
declare
  v_table text;
begin
  foreach v_table in array array[
    'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'streams', 'tenants',
    'log_heads', 'log_edges', 'log_entries', 'log_tiles', 'log_blocks', 'cold_ranges',
    'snapshots', 'event_counts', 'count_cursors'
  ] loop
    execute format('drop policy if exists ledger_reader on ledger.%I', v_table);
    execute format(
      $policy$
        create policy ledger_reader on ledger.%I for select
        to
          ledger_reader, ledger_auditor, ledger_operator,
          ledger_relay, ledger_consumer, ledger_privacy
        using (
          tenant_id = any((select ledger.permitted_tenants('read'))::text[])
          or (select ledger.permitted_tenants('read')) = '{*}'
        )
      $policy$, v_table
    );
  end loop;
end
$$;

-- Private data only for whom it was granted; holds, erasures and what consumers did also for who
-- works with them.
do $$
declare
  v_policy record;
begin
  for v_policy in
    select p.role_name, p.privilege, t.table_name
    from (values
      ('ledger_privacy', 'privacy', array['event_private', 'legal_holds', 'erasures']),
      (
        'ledger_auditor', 'audit',
        array['legal_holds', 'erasures', 'inbox', 'subscription_cursors', 'snapshot_failures']
      ),
      (
        'ledger_operator', 'operate',
        array[
          'legal_holds', 'inbox', 'subscription_cursors', 'snapshot_failures', 'event_counts',
          'count_cursors'
        ]
      ),
      ('ledger_consumer', 'consume', array['inbox', 'inbox_failures', 'subscription_cursors'])
    ) as p (role_name, privilege, tables)
    cross join unnest(p.tables) as t (table_name)
  loop
    execute format('drop policy if exists %I on ledger.%I', v_policy.role_name, v_policy.table_name);
    execute format(
      $policy$
        create policy %1$I on ledger.%2$I for select to %1$I
        using (
          tenant_id = any((select ledger.permitted_tenants(%3$L))::text[])
          or (select ledger.permitted_tenants(%3$L)) = '{*}'
        )
      $policy$, v_policy.role_name, v_policy.table_name, v_policy.privilege
    );
  end loop;
end
$$;

-- The registry is shared by all tenants, and so are partitions and relays. How relays stand is for
-- relay_status and outbox_status to show.
drop policy if exists ledger_reader on ledger.event_types;
create policy ledger_reader on ledger.event_types for select to public using (true);
drop policy if exists ledger_reader on ledger.event_schemas;
create policy ledger_reader on ledger.event_schemas for select to public using (true);
drop policy if exists ledger_reader on ledger.upcasters;
create policy ledger_reader on ledger.upcasters for select to public using (true);
drop policy if exists ledger_reader on ledger.cold_drops;
create policy ledger_reader on ledger.cold_drops for select to public using (true);
drop policy if exists ledger_reader on ledger.outbox_purges;
create policy ledger_reader on ledger.outbox_purges for select to public using (true);
drop policy if exists ledger_reader on ledger.relays;
create policy ledger_reader on ledger.relays for select to public using (true);
drop policy if exists ledger_reader on ledger.reducers;
create policy ledger_reader on ledger.reducers for select to public using (true);

-- A file holds events of many tenants and says of how many: for those who read, or operate, all.
drop policy if exists ledger_reader on ledger.cold_files;
create policy ledger_reader on ledger.cold_files for select to ledger_reader, ledger_auditor
using ((select ledger.permitted_tenants('read')) = '{*}');
drop policy if exists ledger_operator on ledger.cold_files;
create policy ledger_operator on ledger.cold_files for select to ledger_operator
using ((select ledger.permitted_tenants('operate')) = '{*}');
