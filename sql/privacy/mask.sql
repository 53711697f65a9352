-- The document with every secret replaced by "***": values under keys of the deny list, at any
-- depth, and the fields that secret_paths names (JSON pointers, "*" = every item of an array).
-- What is masked already, as events are, is told by its text: walking through it takes long where it
-- is nested deeply. (An unescaped quote, colon and blank are the end of a key, never in a value.)
create or replace function ledger.mask(doc jsonb, secret_paths text[] default null)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_doc jsonb := doc;
  v_path text[];
begin
  for v_path in
    select p from unnest(mask.secret_paths) as s cross join ledger.find_paths(doc, s) as p
  loop
    v_doc := jsonb_set(v_doc, v_path, '"***"');
  end loop;
  if ledger.has_secret_keys(v_doc::text)
    and ledger.has_secret_keys(replace(v_doc::text, '": "***"', '":"***"')) then
    return ledger.mask_keys(v_doc);
  end if;
  return v_doc;
exception
  when statement_too_complex then
    raise exception using
      errcode = 'LG009',
      message = 'the document holds a secret and is nested too deeply to be masked',
      hint = 'Leave the secret out, or nest less than a few hundred levels.';
end
$$;

comment on function ledger.mask(jsonb, text[]) is
  'The document with secrets replaced by "***": keys on the deny list (secret_keys()) at any '
  'depth, and the fields that secret_paths names.';
