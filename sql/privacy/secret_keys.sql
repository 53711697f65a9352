-- The deny list: keys whose values never reach a table, but for headers of a message, which are for
-- its receiver. A key is on it when it ends with one of these, whatever its case: password,
-- db_password and adminPassword all are. With only_text, only a text value is a secret:
-- {"token": "eyJ..."} is one, {"time_to_first_token": 120} is a measurement. This is the only place
-- where the names stand.
create or replace function ledger.secret_keys()
returns table (ending text, only_text boolean)
language sql
immutable
parallel safe
rows 25
set search_path = pg_catalog, pg_temp
as $$
values
  ('password', false),
  ('passwd', false),
  ('passphrase', false),
  ('secret', false),
  ('token', true),
  ('authorization', false),
  ('api_key', false),
  ('api-key', false),
  ('apikey', false),
  ('secret_key', false),
  ('secret-key', false),
  ('secretkey', false),
  ('private_key', false),
  ('private-key', false),
  ('privatekey', false),
  ('access_key', false),
  ('access-key', false),
  ('accesskey', false),
  ('credential', false),
  ('credentials', false),
  ('cookie', false),
  ('cookies', false),
  ('mnemonic', false),
  ('seed_phrase', false),
  ('seedphrase', false)
$$;

comment on function ledger.secret_keys() is
  'Endings of the keys whose values are masked everywhere; only_text = only when the value is a '
  'text.';
