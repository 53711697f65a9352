-- Whether a document, given as jsonb::text, has a key that is on the deny list (secret_keys()), at
-- any depth. The quick look comes first. In jsonb::text an unescaped quote, colon and blank after a
-- name can only be the end of a key: no value is taken for one.
create or replace function ledger.has_secret_keys(doc_text text)
returns boolean
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := lower(doc_text collate "C");
begin
  if not ledger.may_have_secrets(v_text) then
    return false;
  end if;
  return exists (
    select
    from ledger.secret_keys() as s
    where strpos(v_text, s.ending || case when s.only_text then '": "' else '": ' end) > 0
  );
end
$$;

comment on function ledger.has_secret_keys(text) is
  'Whether a jsonb::text has a key that is on the deny list, at any depth: then mask() changes '
  'it, unless it is masked already.';
