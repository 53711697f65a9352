-- Transition function of the aggregate link(); plpgsql, because a SQL function is not inlined there
-- and costs twice as much.
create or replace function ledger.link_next(previous bytea, entry bytea, head bytea)
returns bytea
language plpgsql
immutable
parallel safe
as $$
begin
  return ledger.event_hash(entry, coalesce(previous, head));
end
$$;

comment on function ledger.link_next(bytea, bytea, bytea) is
  'Transition function of the aggregate ledger.link().';
