-- Schedules what the ledger needs, with pg_cron 1.4 or later. Safe to run again: the jobs have
-- names, one set for each ledger of the cluster.
--
-- 1. In the ledger's database, as an administrator: the role that the jobs run as. It needs LOGIN
--    and the privilege `operate` on every tenant, and nothing else.
--
--      create role ledger_cron login;
--      select ledger.grant_access('ledger_cron', '*', '{operate}');
--
-- 2. In pg_cron's own database (cron.database_name, by default postgres), as a superuser, because
--    the jobs are another role's and may be another database's:
--
--      psql -d postgres -v ledger=app -v role=ledger_cron -f sql/cron/schedule.sql
--
-- What runs (pg_cron before 1.5 takes all times for GMT, later ones for cron.timezone):
--   agent-events maintain app   hourly: call ledger.maintain()
--   agent-events seal app       every second: select ledger.seal_all(). pg_cron before 1.5 knows no
--                               seconds and refuses them (22023): there it is every minute.
--   agent-events capture app    as often: select ledger.emit_captured(), for tables that are tracked
--                               as deferred
--   agent-events forget app     daily: deletes what cron.job_run_details says of these jobs after a
--                               day, of failures after 30 (without a time: after a day). Nothing
--                               else empties that table, to which a job of every second adds 86,400
--                               rows a day.
-- A job never runs twice at once: the next run waits for the last one.
--
-- What failed, and why (ledger.maintenance_steps says more, step by step):
--
--   select j.jobname, d.start_time, d.return_message
--   from cron.job_run_details as d
--   join cron.job as j using (jobid)
--   where j.jobname like 'agent-events %' and d.status = 'failed'
--   order by d.runid desc;
--
-- A job that does not even start stands there too (before 1.6.3 without a time). With
-- cron.use_background_workers = on each job takes one of max_worker_processes and needs no
-- connection; else pg_cron connects as the role, at cron.host, and pg_hba.conf must let it in
-- without a password, or .pgpass hold its password.
--
-- Where pg_partman makes the partitions (sql/partman/), daily too:
--
--   select cron.schedule_in_database(
--     'agent-events partitions app', '17 2 * * *', 'select ledger.run_partman()',
--     'app', 'ledger_cron'
--   );
--
-- To stop them all:
--
--   select cron.unschedule(jobid) from cron.job where jobname like 'agent-events % app';

\set ON_ERROR_STOP on
begin;
\o /dev/null
select
  set_config('agent_events.ledger', :'ledger', true),
  set_config('agent_events.role', :'role', true);
\o

do $$
declare
  c_ledger constant text := current_setting('agent_events.ledger');
  c_role constant text := current_setting('agent_events.role');
  v_job record;
begin
  execute format('grant usage on schema cron to %I', c_role);

  perform cron.schedule_in_database(
    'agent-events maintain ' || c_ledger, '7 * * * *', 'call ledger.maintain()', c_ledger, c_role
  );

  for v_job in
    select j.name, j.command
    from (values
      ('agent-events seal ', 'select ledger.seal_all()'),
      ('agent-events capture ', 'select ledger.emit_captured()')
    ) as j (name, command)
  loop
    begin
      perform cron.schedule_in_database(
        v_job.name || c_ledger, '1 second', v_job.command, c_ledger, c_role
      );
    exception when invalid_parameter_value then
      perform cron.schedule_in_database(
        v_job.name || c_ledger, '* * * * *', v_job.command, c_ledger, c_role
      );
    end;
  end loop;

  perform cron.schedule_in_database(
    'agent-events forget ' || c_ledger,
    '37 3 * * *',
    format(
      $command$
        delete from cron.job_run_details as d
        where d.username = current_user
          and d.database in (%L, %L)
          and (
            d.end_time < now()
              - case d.status when 'succeeded' then interval '1 day' else interval '30 days' end
            or d.end_time is null
              and d.status = 'failed'
              and d.runid < (
                select min(r.runid) from cron.job_run_details as r
                where r.end_time > now() - interval '1 day'
              )
          )
      $command$,
      c_ledger, current_database()
    ),
    current_database(),
    c_role
  );
end
$$;
commit;

select jobid, jobname, schedule, database, username, active
from cron.job
where jobname like 'agent-events % ' || :'ledger'
order by jobid;
