-- A summary names what every event has: its columns, and paths into its three documents.
create or replace function ledger.check_summary(summary text)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_columns constant text[] := array[
    'tenant_id', 'id', 'created_at', 'run_id', 'trace_id', 'correlation_id', 'causation_id',
    'event_type', 'schema_version', 'deal_id', 'action_id', 'aggregate_type', 'aggregate_id',
    'sequence', 'actor_type', 'actor_id', 'outcome', 'occurred_at'
  ];
  v_problem text;
begin
  select
    case
      when length(check_summary.summary) not between 1 and 500
        then 'it must have 1 to 500 characters'
      when p.path is null then 'a brace stands alone'
      else format('it has no placeholder {%s}', array_to_string(p.path, '.'))
    end
  into v_problem
  from ledger.summary_parts(check_summary.summary) as p
  where length(check_summary.summary) not between 1 and 500
    or p.literal is null and case
      when p.path[1] in ('payload', 'metadata', 'proof')
        then cardinality(p.path) > 1 and '' <> all(p.path)
      else cardinality(p.path) = 1 and p.path[1] = any(c_columns)
    end is not true
  order by p.n
  limit 1;
  if v_problem is not null or check_summary.summary = '' then
    raise exception using
      errcode = 'LG009',
      message = format(
        'summary %L: %s',
        left(check_summary.summary, 100), coalesce(v_problem, 'it is empty')
      ),
      hint = 'Placeholders are columns of the event, as {aggregate_id}, and paths, as '
        '{payload.new_stage}, {metadata.…} or {proof.…}; {{ and }} stand for braces.';
  end if;
end
$$;

comment on function ledger.check_summary(text) is
  'Part of register_event_type(): LG009 unless the summary has known placeholders only.';
