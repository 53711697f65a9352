-- The quick look before has_secret_keys(): no document with a key on the deny list passes it, a few
-- others do not either. On every emit, so: an expression that the planner inlines, over text in
-- lower case that emit has made anyway.
create or replace function ledger.may_have_secrets(lower_text text)
returns boolean
language sql
immutable
parallel safe
return greatest(
  strpos(lower_text, 'key": '), strpos(lower_text, 'token": "'), strpos(lower_text, 'passw'),
  strpos(lower_text, 'secret": '), strpos(lower_text, 'authorization": '),
  strpos(lower_text, 'credential'), strpos(lower_text, 'cookie'), strpos(lower_text, 'phrase": '),
  strpos(lower_text, 'mnemonic": ')
) > 0;

comment on function ledger.may_have_secrets(text) is
  'Part of emit_event(): false when a document, as jsonb::text in lower case, has no key on the '
  'deny list for certain.';
