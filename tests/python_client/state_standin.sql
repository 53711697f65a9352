-- Stands in for ledger.state_of() in a database that has none: payloads patched one over the other.
create type ledger.aggregate_state as (
  aggregate_type text, aggregate_id text, sequence bigint, created_at timestamptz, event_id uuid,
  hash bytea, state jsonb, snapshot_id uuid, replayed bigint
);
create aggregate ledger.patched(jsonb) (sfunc = jsonb_concat, stype = jsonb, initcond = '{}');
create function ledger.state_of(
  aggregate_type text, aggregate_id text, at_time timestamptz default null,
  at_sequence bigint default null, upcast boolean default null, tenant_id text default null
)
returns setof ledger.aggregate_state
language sql
as $$
select
  $1, $2, max(e.sequence), max(e.created_at), (array_agg(e.id order by e.sequence desc))[1],
  (array_agg(e.hash order by e.sequence desc))[1], ledger.patched(e.payload order by e.sequence),
  null::uuid, count(*)
from ledger.read_stream($1, $2, page_size => 10000, upcast => $5, tenant_id => $6) as e
where e.created_at <= coalesce($3, 'infinity') and e.sequence <= coalesce($4, 2 ^ 62)
having count(*) > 0
$$;
grant execute on function ledger.state_of, ledger.patched(jsonb) to ledger_reader;
