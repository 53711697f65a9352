-- Raises 25000 above READ COMMITTED: who waits for a lock and then looks must see what was committed
-- meanwhile.
create or replace function ledger.require_read_committed(action text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = 'invalid_transaction_state',
      message = format(
        '%s needs READ COMMITTED, not %s',
        require_read_committed.action, upper(current_setting('transaction_isolation'))
      ),
      detail = 'An older snapshot would not show what was committed meanwhile.',
      hint = 'begin transaction isolation level read committed;';
  end if;
end
$$;

comment on function ledger.require_read_committed(text) is
  'Raises 25000 when the transaction is REPEATABLE READ or SERIALIZABLE.';
