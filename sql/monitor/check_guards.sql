-- doctor(): guards, row-level security, event triggers. What row_level_security.sql and
-- create_event_triggers() make is listed here once more, as the catalog shows it.
create or replace function ledger.check_guards()
returns table (severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $$
  with policies (name, command, roles, qual, new_rows, tables) as (values
    ('ledger_append', '*', 'ledger_append', 'true', 'true', array[
      'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'event_private', 'streams',
      'idempotency_keys', 'event_types', 'event_schemas', 'tenants', 'tenant_grants',
      'log_heads', 'log_edges', 'log_entries', 'log_tiles', 'log_blocks', 'log_sweep',
      'legal_holds', 'erasures', 'cold_files', 'cold_drops', 'cold_ranges',
      'relays', 'relay_cursors', 'relay_parked', 'relay_confirmations', 'outbox_purges',
      'inbox', 'inbox_failures', 'subscription_cursors', 'upcasters',
      'reducers', 'snapshots', 'snapshot_cursors', 'snapshot_failures',
      'event_counts', 'count_cursors', 'emit_permits', 'capture_queue'
    ]),
    ('ledger_owner', 'r', 'ledger_owner', 'true', null, array[
      'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'event_private', 'streams',
      'idempotency_keys', 'event_types', 'event_schemas', 'log_heads', 'log_edges', 'log_entries',
      'log_tiles', 'log_blocks', 'log_sweep', 'legal_holds', 'erasures', 'cold_files',
      'cold_drops', 'cold_ranges', 'relays', 'relay_cursors', 'relay_parked',
      'relay_confirmations', 'outbox_purges',
      'inbox', 'inbox_failures', 'subscription_cursors', 'upcasters',
      'reducers', 'snapshots', 'snapshot_cursors', 'snapshot_failures',
      'event_counts', 'count_cursors', 'capture_queue'
    ]),
    ('ledger_owner', '*', 'ledger_owner', 'true', 'true', array['tenants', 'tenant_grants']),
    (
      'ledger_reader', 'r',
      'ledger_auditor, ledger_consumer, ledger_operator, ledger_privacy, ledger_reader, '
      'ledger_relay',
      '((tenant_id = ANY (( SELECT ledger.permitted_tenants(''read''::text) AS permitted_tenants)'
      '::text[])) OR (( SELECT ledger.permitted_tenants(''read''::text) AS permitted_tenants)'
      ' = ''{*}''::text[]))',
      null,
      array[
        'agent_events', 'agent_events_archive', 'outbox', 'agent_runs', 'streams', 'tenants',
        'log_heads', 'log_edges', 'log_entries', 'log_tiles', 'log_blocks', 'cold_ranges',
        'snapshots', 'event_counts', 'count_cursors'
      ]
    ),
    ('ledger_reader', 'r', 'public', 'true', null, array[
      'event_types', 'event_schemas', 'cold_drops', 'outbox_purges', 'relays', 'reducers',
      'upcasters'
    ]),
    (
      'ledger_reader', 'r', 'ledger_auditor, ledger_reader',
      '(( SELECT ledger.permitted_tenants(''read''::text) AS permitted_tenants) = ''{*}''::text[])',
      null, array['cold_files']
    ),
    (
      'ledger_operator', 'r', 'ledger_operator',
      '(( SELECT ledger.permitted_tenants(''operate''::text) AS permitted_tenants)'
      ' = ''{*}''::text[])',
      null, array['cold_files']
    ),
    (
      'ledger_privacy', 'r', 'ledger_privacy',
      '((tenant_id = ANY (( SELECT ledger.permitted_tenants(''privacy''::text) AS '
      'permitted_tenants)::text[])) OR (( SELECT ledger.permitted_tenants(''privacy''::text) AS '
      'permitted_tenants) = ''{*}''::text[]))',
      null, array['event_private', 'legal_holds', 'erasures']
    ),
    (
      'ledger_auditor', 'r', 'ledger_auditor',
      '((tenant_id = ANY (( SELECT ledger.permitted_tenants(''audit''::text) AS '
      'permitted_tenants)::text[])) OR (( SELECT ledger.permitted_tenants(''audit''::text) AS '
      'permitted_tenants) = ''{*}''::text[]))',
      null,
      array['legal_holds', 'erasures', 'inbox', 'subscription_cursors', 'snapshot_failures']
    ),
    (
      'ledger_operator', 'r', 'ledger_operator',
      '((tenant_id = ANY (( SELECT ledger.permitted_tenants(''operate''::text) AS '
      'permitted_tenants)::text[])) OR (( SELECT ledger.permitted_tenants(''operate''::text) AS '
      'permitted_tenants) = ''{*}''::text[]))',
      null, array[
        'legal_holds', 'inbox', 'subscription_cursors', 'snapshot_failures', 'event_counts',
        'count_cursors'
      ]
    ),
    (
      'ledger_consumer', 'r', 'ledger_consumer',
      '((tenant_id = ANY (( SELECT ledger.permitted_tenants(''consume''::text) AS '
      'permitted_tenants)::text[])) OR (( SELECT ledger.permitted_tenants(''consume''::text) AS '
      'permitted_tenants) = ''{*}''::text[]))',
      null, array['inbox', 'inbox_failures', 'subscription_cursors']
    )
  ),
  wanted_policies as (
    select t.table_name, p.name, p.command, p.roles, p.qual, p.new_rows
    from policies as p
    cross join unnest(p.tables) as t (table_name)
  ),
  present_policies as (
    select
      c.relname as table_name,
      p.polname as name,
      p.polpermissive as is_permissive,
      p.polcmd as command,
      (
        select string_agg(r.name, ', ' order by r.name)
        from (
          select case u.oid when 0 then 'public' else pg_get_userbyid(u.oid)::text end as name
          from unnest(p.polroles) as u (oid)
        ) as r
      ) as roles,
      pg_get_expr(p.polqual, p.polrelid) as qual,
      pg_get_expr(p.polwithcheck, p.polrelid) as new_rows
    from pg_policy as p
    join pg_class as c on c.oid = p.polrelid
    where c.relnamespace = to_regnamespace('ledger')
  ),
  event_triggers (name, event, function_name, tags) as (values
    ('ledger_guard_ddl', 'ddl_command_end', 'refuse_ddl', array[
      'ALTER AGGREGATE', 'ALTER FUNCTION', 'ALTER INDEX', 'ALTER MATERIALIZED VIEW',
      'ALTER POLICY', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER RULE', 'ALTER SCHEMA',
      'ALTER SEQUENCE', 'ALTER TABLE', 'ALTER TRIGGER', 'ALTER TYPE', 'ALTER VIEW',
      'CREATE AGGREGATE', 'CREATE FOREIGN TABLE', 'CREATE FUNCTION', 'CREATE INDEX',
      'CREATE MATERIALIZED VIEW', 'CREATE POLICY', 'CREATE PROCEDURE', 'CREATE RULE',
      'CREATE SEQUENCE', 'CREATE TABLE', 'CREATE TABLE AS', 'CREATE TRIGGER', 'CREATE TYPE',
      'CREATE VIEW', 'SELECT INTO'
    ]),
    ('ledger_guard_drop', 'sql_drop', 'refuse_drop', '{}'),
    ('ledger_guard_rewrite', 'table_rewrite', 'refuse_rewrite', '{}'),
    ('ledger_guard_detach', 'ddl_command_start', 'refuse_detach', array['ALTER TABLE'])
  ),
  compared_event_triggers as (
    select
      w.name,
      case
        when e.oid is null then 'missing'
        when e.evtevent <> w.event
          or e.evtfoid is distinct from
          to_regprocedure(format('ledger_guard.%I()', w.function_name))::oid
          or not (coalesce(e.evttags, '{}') @> w.tags and coalesce(e.evttags, '{}') <@ w.tags)
          then 'altered'
        when e.evtenabled <> 'A' then 'disabled or demoted'
      end as problem
    from event_triggers as w
    left join pg_event_trigger as e on e.evtname = w.name
  )
  select
    'error',
    'guard ' || b.problem,
    format('%s: %s', b.target, b.guard),
    case
      when b.problem like 'foreign%'
        then 'It is not the ledger''s; it could change, swallow or forge rows.'
      when b.problem = 'demoted' then 'It does not fire under session_replication_role = replica.'
      else 'The table is open to changes.'
    end,
    case
      when b.problem like 'foreign%' then 'Find out who made it, then drop it.'
      else 'select ledger.repair_guards(); and find out what changed meanwhile.'
    end
  from ledger_guard.broken_guards() as b
  union all
  select
    'error',
    case
      when p.name is null then 'policy missing'
      when w.name is null then 'foreign policy'
      else 'policy altered'
    end,
    format('ledger.%I: %I', coalesce(p.table_name, w.table_name), coalesce(p.name, w.name)),
    case
      when p.name is null then 'Who needs these rows does not see or write them.'
      when w.name is null
        then 'This row-level security policy is not the ledger''s; it may show rows of other '
          'tenants.'
      else format(
        'It may show rows of other tenants: for %s, using (%s), with check (%s).',
        p.roles, coalesce(p.qual, ''), coalesce(p.new_rows, '')
      )
    end,
    case
      when p.name is not null and w.name is null then 'drop policy, if nobody needs it.'
      else 'As a superuser, in a window for an upgrade: run sql/guard/row_level_security.sql again.'
    end
  from wanted_policies as w
  full join present_policies as p on p.table_name = w.table_name and p.name = w.name
  where p.name is null
    or w.name is null
    or not p.is_permissive
    or (p.command, p.roles, p.qual, p.new_rows)
    is distinct from (w.command, w.roles, w.qual, w.new_rows)
  union all
  select
    'error',
    'event trigger',
    e.name,
    format('It is %s.', e.problem),
    'As a superuser: '
    || case e.problem when 'altered' then format('drop event trigger %I; ', e.name) else '' end
    || 'select ledger.repair_guards();'
  from compared_event_triggers as e
  where e.problem is not null
    and exists (select from pg_event_trigger as any_of where any_of.evtname like 'ledger\_guard%')
  union all
  select
    'info',
    'event triggers',
    'ledger',
    'None: a member of ledger_owner could drop or disable guards; this report would show it.',
    'As a superuser: select ledger_guard.create_event_triggers();'
  where not exists (select from pg_event_trigger as e where e.evtname like 'ledger\_guard%')
$$;

comment on function ledger.check_guards() is
  'The part of doctor() about guards and row-level security.';
