-- Names the rule of arguments_hold() that an event breaks (LG009); returns when none is broken.
create or replace function ledger.refuse_arguments(
  payload jsonb, aggregate_type text, aggregate_id text, expected_sequence bigint,
  actor_type text, actor_id text, outcome text, proof jsonb, metadata jsonb, private jsonb,
  subject_id text, occurred_at timestamptz, idempotency_key text, headers jsonb
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := case
    when jsonb_typeof(payload) is distinct from 'object' then 'payload must be a JSON object'
    when pg_column_size(payload) > 8388608 then 'payload is larger than 8 MiB'
    when (aggregate_type is null) <> (aggregate_id is null) then
      'aggregate_type and aggregate_id go together'
    when length(aggregate_type) not between 1 and 255
      then 'aggregate_type must have 1 to 255 characters'
    when length(aggregate_id) not between 1 and 255 then
      'aggregate_id must have 1 to 255 characters'
    when expected_sequence is not null and aggregate_type is null then
      'expected_sequence needs an aggregate'
    when actor_type not in ('user', 'agent', 'system', 'webhook') then
      format('actor_type is %L, not user, agent, system or webhook', left(actor_type, 100))
    when length(actor_id) not between 1 and 255 then 'actor_id must have 1 to 255 characters'
    when outcome not in ('success', 'failure', 'partial', 'pending') then
      format('outcome is %L, not success, failure, partial or pending', left(outcome, 100))
    when pg_column_size(proof) > 8388608 then 'proof is larger than 8 MiB'
    when proof is not null and not ledger.is_proof(proof) then
      'proof must be {"type": "screenshot|api_response|hash|url|none", "data", "url", "hash", '
      '"capturedAt"} and nothing else'
    when jsonb_typeof(metadata) <> 'object' then 'metadata must be a JSON object'
    when pg_column_size(metadata) > 8388608 then 'metadata is larger than 8 MiB'
    when jsonb_typeof(private) <> 'object' then 'private must be a JSON object'
    when private ? 'payload' then
      'private must have no key "payload": private fields of the payload stand there'
    when pg_column_size(private) > 8388608 then 'private is larger than 8 MiB'
    when length(subject_id) not between 1 and 255 then 'subject_id must have 1 to 255 characters'
    when not isfinite(occurred_at) then 'occurred_at must be a finite time'
    when length(idempotency_key) not between 1 and 255 then
      'idempotency_key must have 1 to 255 characters'
    when jsonb_typeof(headers) <> 'object' then 'headers must be a JSON object'
    when pg_column_size(headers) > 1048576 then 'headers are larger than 1 MiB'
  end;
begin
  if v_reason is not null then
    raise exception using
      errcode = 'LG009',
      message = v_reason,
      hint = 'See comment on function ledger.emit_event for what each argument takes.';
  end if;
end
$$;

comment on function ledger.refuse_arguments(
  jsonb, text, text, bigint, text, text, text, jsonb, jsonb, jsonb, text, timestamptz, text, jsonb
) is
  'Part of emit_event(): raises LG009 with the first rule that the arguments break.';
