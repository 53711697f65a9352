-- What a state depends on besides its events, as one hash: the function as it is now, the initial
-- state, and how payloads are lifted. NULL when the function is gone. Names are written in full,
-- whatever the caller's search_path, which deparsing goes by.
create or replace function ledger.reducer_fingerprint(reducer text, initial jsonb, upcast boolean)
returns bytea
language sql
stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $$
  select sha256(convert_to(
    jsonb_build_array(
      'agent-events/reducer/v1',
      pg_get_functiondef(f.oid),
      reducer_fingerprint.initial,
      case when reducer_fingerprint.upcast then ledger.upcast_fingerprint() end
    )::text,
    'UTF8'
  ))
  from ledger.find_function(reducer_fingerprint.reducer, '{jsonb,ledger.events}') as f (oid)
  where f.oid is not null
$$;

comment on function ledger.reducer_fingerprint(text, jsonb, boolean) is
  'SHA-256 over a reducer as it is now; NULL when there is no such function.';
