-- Says that a log was verified, and what was found, in an event ledger.verified. `agent-events
-- verify` calls it when it is through; the verdict is the verifier's, who is named. Locks nothing.
create or replace function ledger.record_verification(
  tree_size bigint,
  root bytea,
  finding_count int,
  findings jsonb default null,
  duration_ms numeric default null,
  tenant_id text default null
)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id text :=
    coalesce(record_verification.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_any(v_tenant_id, '{audit,operate}');
  return r.id
  from ledger.emit_own_event(
    'ledger.verified',
    jsonb_strip_nulls(jsonb_build_object(
      'tree_size', record_verification.tree_size,
      'root', encode(record_verification.root, 'hex'),
      'finding_count', record_verification.finding_count,
      'findings', jsonb_path_query_array(record_verification.findings, '$[0 to 19]'),
      'duration_ms', record_verification.duration_ms,
      'verified_by', ledger.caller()
    )),
    tenant_id => v_tenant_id,
    outcome => case record_verification.finding_count when 0 then 'success' else 'failure' end
  ) as r;
end
$$;

comment on function ledger.record_verification(bigint, bytea, int, jsonb, numeric, text) is
  'Records that the log was verified and with which findings (the first 20), in an event '
  'ledger.verified. For auditors and operators.';
