-- A summary as a SQL expression over a row e of an event; what the event does not have is "?". What
-- has no summary says type, aggregate, actor and outcome. Everything from the registry is quoted.
create or replace function ledger.summary_expression(summary text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    string_agg(
      case
        when p.literal is not null then quote_literal(p.literal)
        when p.path[1] in ('created_at', 'occurred_at') then format(
          $x$coalesce(to_char(e.%I at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '?')$x$,
          p.path[1]
        )
        when cardinality(p.path) = 1 then format($x$coalesce(e.%I::text, '?')$x$, p.path[1])
        when cardinality(p.path) = 2
          then format($x$coalesce(e.%I ->> %L, '?')$x$, p.path[1], p.path[2])
        else format($x$coalesce(e.%I #>> %L, '?')$x$, p.path[1], p.path[2:])
      end,
      ' || ' order by p.n
    ),
    $x$concat(
      e.event_type, ' ' || e.aggregate_type || '/' || e.aggregate_id,
      ' by ' || coalesce(e.actor_id, e.actor_type), ' (' || e.outcome || ')'
    )$x$
  )
  from ledger.summary_parts(summary_expression.summary) as p
$$;

comment on function ledger.summary_expression(text) is
  'Part of describe_event() and export_events(): a summary as a SQL expression over an event e.';
