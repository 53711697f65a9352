-- Transition function of the aggregate link(); plpgsql, because a SQL function is not inlined there
-- and costs twice as much.
create or replace function ledger.link_next(link bytea[], entry bytea, head bytea)
returns bytea[]
language plpgsql
immutable
parallel safe
as $$
declare
  v_prev_hash bytea := coalesce(link[2], head);
begin
  return array[v_prev_hash, ledger.event_hash(entry, v_prev_hash)];
end
$$;

comment on function ledger.link_next(bytea[], bytea, bytea) is
  'Transition function of the aggregate ledger.link().';
