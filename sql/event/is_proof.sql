-- {type: screenshot | api_response | hash | url | none, data, url, hash, capturedAt}: nothing else.
-- Inlined by the planner.
create or replace function ledger.is_proof(proof jsonb)
returns boolean
language sql
immutable
parallel safe
return jsonb_typeof(proof) = 'object'
  and proof - array['type', 'data', 'url', 'hash', 'capturedAt'] = '{}'
  and coalesce(
    proof @@ 'strict $.type == "screenshot" || $.type == "api_response" || $.type == "hash"
      || $.type == "url" || $.type == "none"',
    false
  )
  and coalesce(jsonb_typeof(proof -> 'url') in ('string', 'null'), true)
  and coalesce(jsonb_typeof(proof -> 'hash') in ('string', 'null'), true)
  and coalesce(jsonb_typeof(proof -> 'capturedAt') in ('string', 'null'), true);

comment on function ledger.is_proof(jsonb) is
  'Whether a proof has the form {"type": "screenshot|api_response|hash|url|none", "data": any, '
  '"url": text, "hash": text, "capturedAt": text}.';
