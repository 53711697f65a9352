-- The columns of an export, in their order, and of what kind each is: how a line is written.
create or replace function ledger.export_columns(with_proof boolean, redacted boolean)
returns table (n bigint, name text, kind text)
language sql
immutable
parallel safe
rows 28
set search_path = pg_catalog, pg_temp
as $$
  select c.n, c.name, c.kind
  from rows from (
    unnest(
      '{
        id, created_at, tenant_id, event_type, schema_version, description, aggregate_type,
        aggregate_id, sequence, actor_type, actor_id, outcome, payload, private, deal_id,
        action_id, run_id, trace_id, correlation_id, causation_id, proof, metadata, occurred_at,
        private_hash, prev_hash, hash, position, inclusion_proof
      }'::text[],
      '{
        plain, time, plain, plain, plain, text, text,
        text, plain, plain, text, plain, payload, json, plain,
        plain, plain, plain, plain, plain, json, json, time,
        hash, hash, hash, plain, hashes
      }'::text[]
    )
  ) with ordinality as c (name, kind, n)
  where (
      export_columns.with_proof
      or c.name <> all('{private_hash,prev_hash,hash,position,inclusion_proof}')
    )
    and (not export_columns.redacted or c.name <> 'private')
$$;

comment on function ledger.export_columns(boolean, boolean) is
  'The columns of an export''s lines: hashes, position and inclusion_proof only with proof, '
  'private only unredacted.';
