-- Emits what one statement did to a tracked table, for one tenant: event n is event_types[n] about
-- aggregate_ids[n], in key order. All that capture_plain_rows() cannot write goes through
-- emit_events(), which checks, masks and explains; but emit_events() asks for the caller's privilege,
-- and so what waited in capture_queue goes through emit_event(). Locks each stream until the
-- transaction ends.
create or replace function ledger.capture_rows(
  tenant_id text,
  aggregate_type text,
  event_types text[],
  aggregate_ids text[],
  payloads jsonb[],
  publish boolean,
  captured_at timestamptz
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if array_position(capture_rows.aggregate_ids, null) is not null then
    perform ledger.refuse_key(capture_rows.aggregate_type);
  end if;
  if ledger.capture_plain_rows(
    capture_rows.tenant_id, capture_rows.aggregate_type, capture_rows.event_types,
    capture_rows.aggregate_ids, capture_rows.payloads, capture_rows.publish,
    capture_rows.captured_at
  ) then
    return;
  elsif capture_rows.captured_at is not null then
    perform ledger.capture_change(
      capture_rows.tenant_id, capture_rows.aggregate_type, r.aggregate_id, capture_rows.publish,
      r.event_type, r.payload, capture_rows.captured_at
    )
    from unnest(
      capture_rows.event_types, capture_rows.aggregate_ids, capture_rows.payloads
    ) with ordinality as r (event_type, aggregate_id, payload, ordinality)
    order by r.ordinality;
  else
    perform ledger.emit_events(
      (
        select jsonb_agg(jsonb_build_object(
          'event_type', r.event_type, 'aggregate_type', capture_rows.aggregate_type,
          'aggregate_id', r.aggregate_id, 'payload', r.payload, 'publish', capture_rows.publish
        ))
        from unnest(
          capture_rows.event_types, capture_rows.aggregate_ids, capture_rows.payloads
        ) as r (event_type, aggregate_id, payload)
      ),
      capture_rows.tenant_id
    );
  end if;
end
$$;

comment on function ledger.capture_rows(
  text, text, text[], text[], jsonb[], boolean, timestamptz
) is
  'Part of the triggers of tracked tables: emits what one statement did.';
