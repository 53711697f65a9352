create or replace function ledger.require_registrar()
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not (ledger.is_owner() or pg_has_role(ledger.caller(), 'ledger_registrar', 'usage')) then
    raise exception using
      errcode = 'LG005',
      message = format('role %s may not register event types', ledger.caller()),
      hint = format(
        'An administrator can allow it: grant ledger_registrar to %I;', ledger.caller()
      );
  end if;
end
$$;

comment on function ledger.require_registrar() is
  'Raises LG005 unless the caller may register event types.';
