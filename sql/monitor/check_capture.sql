-- doctor(): tracked tables of which changes go unseen, or cannot be made; changes of deferred ones
-- that do not become events.
create or replace function ledger.check_capture()
returns table (tenant_id text, severity text, kind text, object text, detail text, hint text)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    null,
    'error',
    'tracking broken',
    s.table_name,
    s.problem,
    format(
      'As the table''s owner: select ledger.track_table(%1$L, …); puts the triggers back, '
      'select ledger.untrack_table(%1$L); ends it.', s.table_name
    )
  from ledger.tracking_status as s
  where s.problem is not null
  union all
  select
    q.tenant_id,
    'error',
    'capture stuck',
    q.arguments[0],
    format(
      'Statement %s cannot be emitted, and keeps back what came after it: %s %s',
      q.id, q.error ->> 'sqlstate', q.error ->> 'message'
    ),
    format(
      '%s Each ledger.emit_captured() tries again; select ledger.discard_captured(%s, …); gives it '
      'up.', q.error ->> 'hint', q.id
    )
  from ledger.capture_queue as q
  where q.error is not null
  union all
  select
    null,
    'warning',
    'capture late',
    s.event_prefix,
    format('Changes of %s wait since %s to become events.', s.table_name, s.waiting_since),
    'Call ledger.emit_captured() on a schedule, say every second.'
  from ledger.tracking_status as s
  where s.waiting_since < clock_timestamp() - interval '5 minutes'
$$;

comment on function ledger.check_capture() is 'The part of doctor() about tracked tables.';
