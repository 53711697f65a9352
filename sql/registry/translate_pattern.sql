-- A JSON Schema pattern (ECMA-262) as a PostgreSQL regular expression of the same meaning, or NULL
-- when it has none. Understood is what JSON Schema recommends for interoperability: characters,
-- classes, ^ $ . ( ) | and quantifiers. \d, \w and \s are not: what they match differs between
-- regular expression engines.
create or replace function ledger.translate_pattern(pattern text)
returns text
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  c_character constant text := '[^][(){}^$.|?*+\\]|\\[][(){}^$.|?*+\\/-]';
  c_member constant text := '(?:[^][\\^-]|\\[][(){}^$.|?*+\\/-])';
  c_class constant text := format('\[\^?-?(?:%1$s(?:-%1$s)?)+-?\]', c_member);
  c_quantifier constant text := '(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??';
  c_token constant text := format(
    '\((?:\?:)?|\||\^|\$|(?:%s|%s|\.|\))(?:%s)?', c_class, c_character, c_quantifier
  );
  v_tokens text[];
begin
  select coalesce(array_agg(m[1] order by ordinality), '{}')
  into v_tokens
  from regexp_matches(
    translate_pattern.pattern, '(' || c_token || ')', 'g'
  ) with ordinality as t (m);
  if array_to_string(v_tokens, '') <> translate_pattern.pattern then
    return null;
  end if;
  return (
    select coalesce(
      string_agg(
        case when t like '.%' then '[^\n\r\u2028\u2029]' || substr(t, 2) else t end,
        '' order by n
      ),
      ''
    )
    from unnest(v_tokens) with ordinality as u (t, n)
  );
end
$$;

comment on function ledger.translate_pattern(text) is
  'A JSON Schema pattern as a PostgreSQL regular expression with the same meaning; NULL when it '
  'says more than both understand.';
