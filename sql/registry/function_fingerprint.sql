-- Says whether a function is still the one that was registered: its definition, without its owner
-- and privileges. The settings are those that the text of a definition goes by.
create or replace function ledger.function_fingerprint(function_oid oid)
returns text
language sql
stable
strict
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
return encode(
  sha256(convert_to(pg_get_functiondef(function_fingerprint.function_oid), 'UTF8')), 'hex'
);

comment on function ledger.function_fingerprint(oid) is
  'SHA-256 (hex) of a function''s definition; NULL for NULL.';
