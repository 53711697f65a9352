-- The statement of a page of an export. From the inside out: the page; its payloads as text, once,
-- for secrets are looked for in it and lines made of it; masks; the description, of what is left;
-- the columns. "offset 0" keeps the levels apart, so that nothing is computed twice.
create or replace function ledger.export_query(
  export ledger.agent_events,
  page text,  -- noqa: RF04
  columns text
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_redaction record;
  v_descriptions text;
begin
  select r.is_marked, r.marked_paths into v_redaction
  from ledger.redaction((export.payload -> 'is_redacted')::boolean) as r;
  select ledger.choose_by_type(
    array_agg(t.event_type::text order by t.event_type),
    array_agg(ledger.summary_expression(t.summary) order by t.event_type),
    ledger.summary_expression(null)
  )
  into v_descriptions
  from ledger.event_types as t
  where t.summary is not null;

  return format(
    $query$
    select %1$s
    from (
      select e.*, %2$s as description%3$s
      from (
        select
          e.id, e.created_at, e.tenant_id, e.event_type, e.schema_version, e.aggregate_type,
          e.aggregate_id, e.sequence, e.actor_type, e.actor_id, e.outcome, e.deal_id, e.action_id,
          e.run_id, e.trace_id, e.correlation_id, e.causation_id, e.occurred_at, e.private,
          e.private_hash, e.prev_hash, e.hash,
          case
            when e.is_masked then ledger.mask(e.whole, %4$s) else e.whole
          end as payload,
          case when not e.is_masked then e.payload_text end as payload_text,
          case when e.is_masked then ledger.mask(e.proof) else e.proof end as proof,
          case when e.is_masked then ledger.mask(e.metadata) else e.metadata end as metadata
        from (
          select e.*, ledger.may_have_secrets(e.lower_text) or %5$s as is_masked
          from (
            select
              e.*,
              lower(
                case
                  when e.proof is null and e.metadata is null then e.payload_text
                  else concat(e.payload_text, e.proof, e.metadata)
                end collate "C"
              ) as lower_text
            from (%6$s) as e
            offset 0
          ) as e
          offset 0
        ) as e
        offset 0
      ) as e%7$s
      offset 0
    ) as e
    $query$,
    columns,
    v_descriptions,
    case
      when (export.payload -> 'with_proof')::boolean then format(
        ', l.position, case when l.position < %s '
        'then (ledger.inclusion_proof(e.id, %1$s, e.tenant_id)).proof end as inclusion_proof',
        export.payload ->> 'tree_size'
      )
      else ', null::bigint as position, null::bytea[] as inclusion_proof'
    end,
    v_redaction.marked_paths,
    v_redaction.is_marked,
    page,
    case
      when (export.payload -> 'with_proof')::boolean then
        ' left join lateral (select l.position from ledger.log_entries as l '
        'where l.tenant_id = e.tenant_id and l.event_id = e.id limit 1) as l on true'
    end
  );
end
$$;

comment on function ledger.export_query(ledger.agent_events, text, text) is
  'Part of export_events() and export_lines(): the statement of a page.';
