-- Who may register what the ledger does with events; the ledger's own types only its owner.
create or replace function ledger.require_registrar(event_type text default null)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not (ledger.is_owner() or pg_has_role(ledger.caller(), 'ledger_registrar', 'usage')) then
    raise exception using
      errcode = 'LG005',
      message = format('role %s may not register event types, functions or tables', ledger.caller()),
      hint = format(
        'An administrator can allow it: grant ledger_registrar to %I;', ledger.caller()
      );
  elsif require_registrar.event_type like 'ledger.%' and not ledger.is_owner() then
    raise exception using
      errcode = 'LG009',
      message = format(
        'event type %s: what begins with ledger. is the ledger''s own',
        require_registrar.event_type
      ),
      hint = 'See docs/event-types.md.';
  end if;
end
$$;

comment on function ledger.require_registrar(text) is
  'Raises LG005 unless the caller may register event types and functions, LG009 for a type of the '
  'ledger''s own.';
